#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Builds the operations page as examples/web/build.sh builds its page, with the
# same arguments: LOCKSTEP CONTRACT PACKAGES WORK.

set -eu

here=$(cd -P -- "$(dirname -- "$0")" && pwd)
PAGE=$here exec sh "$here/../web/build.sh" "$@"
