# SPDX-License-Identifier: MIT
#
# Every example; a new one is a line here.

EXAMPLES =
