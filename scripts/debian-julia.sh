#!/usr/bin/env bash
# Unpacks Debian's Julia 1.5 into a private folder: debian-julia.sh PREFIX
#
# For machines that reach a Debian mirror but not Julia's servers. Needs no root and leaves the system as it is: apt
# works on state, lists and cache of its own below PREFIX. Its dpkg status is empty, so that the whole closure of
# packages comes from one suite: a library of another release beside it (libunwind above all) makes Julia crash where
# it should throw. What is written: PREFIX/bin/julia, which starts Julia with the library path it needs.
set -euo pipefail

suite=bullseye
# The system's own of these are used: they are newer than the suite's and upward compatible.
keep_of_system='libc6 libgcc-s1 libstdc++6 libcrypt1 gcc-10-base dpkg debconf perl-base tar'

fail() { printf 'debian-julia.sh: %s\n' "$*" >&2; exit 1; }

[ $# -eq 1 ] || fail 'usage: scripts/debian-julia.sh PREFIX'
command -v apt-get >/dev/null && command -v dpkg >/dev/null ||
    fail 'needs apt-get and dpkg (Debian, Ubuntu and their relatives); elsewhere install Julia >= 1.5 and put it on PATH'
mkdir -p "$1"
prefix=$(cd "$1" && pwd)
if [ -x "$prefix/bin/julia" ] && "$prefix/bin/julia" --version >/dev/null 2>&1; then
    printf '%s is there already: %s\n' "$prefix/bin/julia" "$("$prefix/bin/julia" --version)"
    exit 0
fi
case $prefix in *[[:space:]]*) fail "the prefix must not contain white space, got '$prefix'" ;; esac

keyring=/usr/share/keyrings/debian-archive-keyring.gpg
[ -f "$keyring" ] || fail "no $keyring: install the package debian-archive-keyring"
arch=$(dpkg --print-architecture)
case $arch in
    amd64) triplet=x86_64-linux-gnu ;;
    i386) triplet=i386-linux-gnu ;;
    arm64) triplet=aarch64-linux-gnu ;;
    armhf) triplet=arm-linux-gnueabihf ;;
    ppc64el) triplet=powerpc64le-linux-gnu ;;
    *) fail "Debian has no Julia for the architecture $arch" ;;
esac

# The mirror of the machine's own apt sources: the first one that is a Debian archive, not its security one.
mirror=$(apt-get indextargets --format '$(REPO_URI) $(ORIGIN)' 2>/dev/null |
    awk '$2 == "Debian" && $1 !~ /security/ {print $1; exit}') || true
if [ -z "$mirror" ]; then
    mirror=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources 2>/dev/null |
        sed 's/#.*//' | grep -oE '(https?|file|mirror)[+:][^] ]*/debian/?( |$)' | head -n 1 | tr -d ' ') || true
fi
[ -n "$mirror" ] || fail 'found no Debian mirror in the sources of apt'

work=$prefix/.apt
trap 'rm -rf "$work"' EXIT
rm -rf "$work"
mkdir -p "$work/state/lists/partial" "$work/cache/archives/partial" "$work/etc/preferences.d" "$work/etc/apt.conf.d"
: >"$work/status"
printf 'deb [arch=%s signed-by=%s] %s %s main\n' "$arch" "$keyring" "$mirror" "$suite" >"$work/etc/sources.list"

apt=(apt-get -q -y
    -o "Dir::State=$work/state" -o "Dir::State::status=$work/status" -o "Dir::Cache=$work/cache"
    -o "Dir::Etc::SourceList=$work/etc/sources.list" -o Dir::Etc::SourceParts=/dev/null
    -o Dir::Etc::Preferences=/dev/null -o "Dir::Etc::PreferencesParts=$work/etc/preferences.d"
    -o "APT::Architecture=$arch" -o "APT::Architectures=$arch" -o APT::Install-Recommends=false
    -o APT::Sandbox::User= -o Acquire::Languages=none -o Debug::NoLocking=true)
"${apt[@]}" update >"$work/log" 2>&1 || { cat "$work/log" >&2; fail "cannot read $suite from $mirror"; }
"${apt[@]}" install --download-only julia >"$work/log" 2>&1 || { cat "$work/log" >&2; fail 'cannot download julia'; }

for package in "$work"/cache/archives/*.deb; do
    name=$(dpkg-deb --field "$package" Package)
    case " $keep_of_system " in *" $name "*) continue ;; esac
    dpkg -x "$package" "$prefix"
done

mkdir -p "$prefix/bin"
cat >"$prefix/bin/julia.new" <<WRAPPER
#!/bin/sh
# Starts the Julia of this folder with its own libraries, for this process only.
here=\$(dirname "\$(dirname "\$(readlink -f "\$0")")")
lib=\$here/usr/lib/$triplet
LD_LIBRARY_PATH=\$lib:\$lib/julia:\$here/lib/$triplet\${LD_LIBRARY_PATH:+:\$LD_LIBRARY_PATH}
JULIA_BINDIR=\$here/usr/bin
export LD_LIBRARY_PATH JULIA_BINDIR
exec "\$here/usr/bin/julia" "\$@"
WRAPPER
chmod +x "$prefix/bin/julia.new"
mv "$prefix/bin/julia.new" "$prefix/bin/julia"
[ "$("$prefix/bin/julia" --startup-file=no -e 'print(try error("caught") catch e; e.msg end)')" = caught ] ||
    fail "the unpacked Julia does not run on this machine"
printf '%s is ready: %s\n' "$prefix/bin/julia" "$("$prefix/bin/julia" --version)"
