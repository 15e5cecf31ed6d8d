#!/bin/sh
# SPDX-License-Identifier: MIT
# Makes configure in a tree that comes from git.
cd "$(dirname "$0")" && exec autoreconf -fi -Wall,error
