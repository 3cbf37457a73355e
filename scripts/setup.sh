#!/bin/sh
# Bring .venv in line with requirements.lock; costs some milliseconds when it already is.
# The first Python of 3.11 to 3.13 is taken, or the one that TOWER_PYTHON names.
set -eu
cd "$(dirname "$0")/.."

# The path is part of the stamp: a virtual environment doesn't survive being moved.
wanted="$(cat requirements.lock pyproject.toml scripts/setup.py | cksum) $(pwd -P)"
if [ -x .venv/bin/python ] && [ -f .venv/tower-setup ] && [ "$(cat .venv/tower-setup)" = "$wanted" ]; then
    exit 0
fi

version_of() { "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null; }

set -- python3 python3.13 python3.12 python3.11 python
[ -z "${TOWER_PYTHON:-}" ] || set -- "$TOWER_PYTHON"
newer="" seen=""
for python in "$@"; do
    version=$(version_of "$python") || continue
    case $version in
        3.11 | 3.12 | 3.13) exec "$python" scripts/setup.py "$wanted" ;;
        3.1[4-9]) newer=${newer:-$python} ;;
        *) seen="$seen $python is $version;" ;;
    esac
done
if [ -n "$newer" ]; then
    echo "setup: $newer is newer than the Pythons Tower is tested on (3.11 to 3.13); trying it" >&2
    exec "$newer" scripts/setup.py "$wanted"
fi

cat >&2 <<END
setup: Tower needs Python 3.11, 3.12 or 3.13 and found none.${seen:+ Found:${seen%;}.}
Install one, for example
    Debian, Ubuntu   sudo apt-get install python3 python3-venv
    Fedora           sudo dnf install python3.12
    macOS            brew install python@3.12
or name one that isn't on the PATH: TOWER_PYTHON=/opt/python/bin/python3.12 make demo
END
exit 1
