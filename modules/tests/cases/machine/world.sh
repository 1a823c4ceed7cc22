# Builds below $1 a place for apt and dpkg: a repository of small packages without scripts, lists, and a dpkg database
# where `alpha` 1.0 and `tool` 1.0 are installed, `lib` with them, and `old` is left over. Needs apt and dpkg-deb.
set -e
top=$1
mkdir -p "$top/repo" "$top/root" "$top/etc-apt/preferences.d" "$top/etc-apt/apt.conf.d" "$top/etc-apt/trusted.gpg.d" \
  "$top/var/lib/dpkg/info" "$top/var/lib/dpkg/updates" "$top/var/lib/dpkg/triggers" "$top/state/lists/partial" "$top/cache/archives/partial" "$top/log"
: > "$top/var/lib/dpkg/status"
: > "$top/var/lib/dpkg/available"
build() { # name version [field...]
  d=$top/build/$1-$2
  mkdir -p "$d/DEBIAN" "$d/usr/share/$1"
  echo "$2" > "$d/usr/share/$1/version"
  { printf 'Package: %s\nVersion: %s\nArchitecture: all\nMaintainer: nobody <nobody@example.org>\nPriority: optional\nSection: misc\nDescription: for tests\n' "$1" "$2"
    shift 2; for f; do echo "$f"; done; } > "$d/DEBIAN/control"
  f=$top/repo/${d##*/}.deb
  dpkg-deb -Zgzip --root-owner-group -b "$d" "$f" >/dev/null
  { dpkg-deb -f "$f"; echo "Filename: ./${f##*/}"; echo "Size: $(stat -c %s "$f")"; echo "SHA256: $(sha256sum < "$f" | cut -d' ' -f1)"; echo; } >> "$top/repo/Packages"
}
build alpha 1.0
build alpha 1.2
build alpha 2.0
build tool 1.0 'Depends: lib'
build lib 1.0
build spare 1.0
build beta 0.9 'Depends: spare'
build beta 1.0~rc1 'Depends: spare'
build mail-a 1.0 'Provides: mailer'
build mail-b 1.0 'Provides: mailer'
build only 1.0 'Provides: single'
build broken 1.0 'Depends: nowhere'
mkdir -p "$top/loose"
cp "$top/repo/Packages" "$top/Packages"
build extra 1.0 'Depends: spare'
mv "$top/repo/extra-1.0.deb" "$top/loose/extra.deb"
mv "$top/Packages" "$top/repo/Packages"
echo "deb [trusted=yes] file:$top/repo ./" > "$top/etc-apt/sources.list"
cat > "$top/apt.conf" <<CONF
Dir::Etc "$top/etc-apt";
Dir::Etc::parts "$top/etc-apt/apt.conf.d";
Dir::State "$top/state";
Dir::State::status "$top/var/lib/dpkg/status";
Dir::Cache "$top/cache";
Dir::Log "$top/log";
APT::Architecture "$(dpkg --print-architecture)";
APT::Architectures { "$(dpkg --print-architecture)"; };
APT::Sandbox::User "root";
DPkg::Options { "--admindir=$top/var/lib/dpkg"; "--instdir=$top/root"; "--force-not-root"; "--log=$top/log/dpkg.log"; };
DPkg::Pre-Install-Pkgs "";
CONF
export APT_CONFIG="$top/apt.conf" DPKG_ADMINDIR="$top/var/lib/dpkg" DEBIAN_FRONTEND=noninteractive
apt-get -qq update
apt-get -qq -y install alpha=1.0 tool >/dev/null 2>&1
