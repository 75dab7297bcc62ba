#!/bin/sh
# Makes /srv/git/clock.git from the folder beside this script: tag v1, and v2 whose VERSION is 2.
set -eu
[ -d /srv/git/clock.git ] && exit 0
rm -rf /srv/git/work && cp -R "$1" /srv/git/work && cd /srv/git/work
git init -q -b main . && git config user.email molecule@example.test && git config user.name Molecule
git add . && git commit -qm one && git tag v1
echo 2 >service/VERSION && git commit -qam two && git tag v2
git clone -q --bare /srv/git/work /srv/git/clock.git
echo made
