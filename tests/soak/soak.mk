# SPDX-License-Identifier: MIT
#
# For ./dev soak.

EXTRA_DIST += tests/soak/plot.sh
