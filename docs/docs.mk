# SPDX-License-Identifier: MIT
#
# The documents in this directory.

EXTRA_DIST += \
	docs/guarantees.md \
	docs/guide.md \
	docs/porting.md
