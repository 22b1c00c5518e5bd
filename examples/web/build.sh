#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Builds the page without writing a file into the source tree:
#
#	examples/web/build.sh LOCKSTEP CONTRACT PACKAGES WORK
#
# LOCKSTEP is the program, PACKAGES a folder where package.json is installed.
# Sources and what is made of CONTRACT are brought together in WORK; the page is
# WORK/dist, which is there as a whole or not at all. PAGE, in the environment, is
# the folder of another page of the same make.

set -eu

if [ $# -ne 4 ]; then
	echo "usage: build.sh LOCKSTEP CONTRACT PACKAGES WORK" >&2
	exit 2
fi
here=$(cd -P -- "${PAGE:-$(dirname -- "$0")}" && pwd)
lockstep=$1 contract=$2 packages=$3 work=$4

mkdir -p "$work"
for part in index.html package.json tsconfig.json vite.config.ts public src; do
	rm -rf "${work:?}/$part"
	cp -R "$here/$part" "$work/$part"
done
# Of somebody who works in the source tree; it may be of another contract.
rm -rf "$work/src/api"
"$lockstep" gen typescript --contract "$contract" --without zod \
	--out "$work/src/api"
ln -sfn "$packages/node_modules" "$work/node_modules"

cd "$work"
# Its node, too: the machine's may be too old.
PATH=$work/node_modules/.bin:$PATH
vite build --logLevel warn --outDir dist.new --emptyOutDir
rm -rf dist
mv dist.new dist
