# More cases, read by observe.py.
TABLES = """case "$*" in
*--version*) echo "iptables v1.8.9 (nf_tables)" ;;
*-C*8080*) exit 0 ;;
*-C*) echo "iptables: Bad rule (does a matching rule exist in that chain?)." >&2; exit 1 ;;
*"-L INPUT"*) echo "Chain INPUT (policy ACCEPT)"; echo "target prot" ;;
*"-L OWN"*) echo "Chain OWN (0 references)" ;;
*-L*) echo "iptables: No chain/target/match by that name." >&2; exit 1 ;;
*REFUSE*) echo "iptables v1.8.9 (nf_tables): unknown option" >&2; exit 2 ;;
*) for word; do printf '[%s]' "$word" >> $TMP/calls; done; echo >> $TMP/calls ;;
esac"""
def iptables(name, args, **more):
    case("iptables-" + name, "iptables", args, tools={"iptables": TABLES, "ip6tables": TABLES}, look={"calls": "calls"}, **more)


iptables("new", {"chain": "INPUT", "protocol": "tcp", "destination_port": "6443", "jump": "ACCEPT", "comment": "the API"})
iptables("new-check", {"chain": "INPUT", "protocol": "tcp", "destination_port": "6443", "jump": "ACCEPT"}, check=True)
iptables("already", {"chain": "INPUT", "protocol": "tcp", "destination_port": 8080, "jump": "ACCEPT"})
iptables("absent", {"chain": "INPUT", "protocol": "tcp", "destination_port": 8080, "jump": "ACCEPT", "state": "absent"})
iptables("absent-already", {"chain": "INPUT", "source": "10.0.0.1", "state": "absent"})
iptables("insert", {"chain": "INPUT", "action": "insert", "rule_num": "3", "in_interface": "!eth0", "ctstate": ["NEW", "ESTABLISHED"], "wait": "5", "jump": "DROP"})
iptables("both", {"chain": "FORWARD", "ip_version": "both", "match": ["state"], "ctstate": "RELATED", "jump": "ACCEPT"})
iptables("nat", {"table": "nat", "chain": "PREROUTING", "protocol": "tcp", "destination_ports": ["80", "443"], "jump": "REDIRECT", "to_ports": "8600"})
iptables("log", {"chain": "INPUT", "log_prefix": "muster: ", "log_level": "info", "limit": "2/second", "limit_burst": "20"})
iptables("log-other-target", {"chain": "INPUT", "log_prefix": "x", "jump": "DROP"})
iptables("flags", {"chain": "OUTPUT", "protocol": "tcp", "tcp_flags": {"flags": "ALL", "flags_set": ["ACK", "RST"]}, "uid_owner": "root", "syn": "negate", "jump": "DSCP", "set_dscp_mark": "8"})
iptables("sets", {"chain": "INPUT", "match_set": "admin", "match_set_flags": "src", "src_range": "10.0.0.1-10.0.0.9", "reject_with": "tcp-reset", "protocol": "tcp"})
iptables("mark-without-jump", {"chain": "OUTPUT", "set_dscp_mark": "8"})
iptables("policy", {"chain": "INPUT", "policy": "DROP"})
iptables("policy-already", {"chain": "INPUT", "policy": "ACCEPT"})
iptables("policy-none", {"chain": "OWN", "policy": "ACCEPT"})
iptables("flush", {"chain": "INPUT", "flush": True})
iptables("flush-all", {"flush": True, "table": "nat"})
iptables("chain-new", {"chain": "NEW", "chain_management": True})
iptables("chain-there", {"chain": "OWN", "chain_management": True})
iptables("chain-absent", {"chain": "OWN", "chain_management": True, "state": "absent"})
iptables("chain-unmanaged", {"chain": "NEW"})
iptables("refused", {"chain": "INPUT", "jump": "REFUSE"})
iptables("no-chain", {"jump": "DROP"})

CLOCK = """case $1 in
status|'') z=$(cat $TMP/zone 2>/dev/null || echo Etc/UTC); l=$(cat $TMP/local 2>/dev/null || echo no)
  printf '               Local time: x\\n                Time zone: %s (UTC, +0000)\\n          RTC in local TZ: %s\\n' "$z" "$l" ;;
set-timezone) echo "$2" > $TMP/zone ;;
set-local-rtc) echo "$2" > $TMP/local ;;
esac"""
def timezone(name, args, **more):
    case("timezone-" + name, "timezone", args, tools={"timedatectl": CLOCK, **more.pop("tools", {})}, look={"zone": "zone", "local": "local"}, vary=["msg*"], **more)


timezone("new", {"name": "Europe/Berlin"})
timezone("new-check", {"name": "Europe/Berlin"}, check=True)
timezone("already", {"name": "Etc/UTC"})
timezone("unknown", {"name": "Mars/Base"})
timezone("hwclock", {"name": "Etc/UTC", "hwclock": "local"})
timezone("nothing", {})
OLD = {"timedatectl": "exit 1", "dpkg-reconfigure": "echo tz >> $TMP/calls", "hwclock": "exit 0"}
case("timezone-debian", "timezone", {"name": "Asia/Tokyo"}, tools=OLD, etc={"etc/timezone": "Etc/UTC\n"}, look={k: k for k in ("etc/timezone", "etc/localtime", "calls")})
case("timezone-debian-already", "timezone", {"name": "Etc/UTC"}, tools=OLD, etc={"etc/timezone": "Etc/UTC\n", "etc/localtime": None}, look={k: k for k in ("etc/timezone", "calls")})

LOCALES = "# This file lists locales\n#\n# aa_DJ ISO-8859-1\n# de_CH.UTF-8 UTF-8\nen_US.UTF-8 UTF-8\n"
def locale_gen(name, args, **more):
    tools = {"locale": "printf 'C\\nPOSIX\\n'; cat $TMP/made 2>/dev/null", "locale-gen": "echo run >> $TMP/calls; sed -n 's/^\\([a-z][^ ]*\\)\\.UTF-8 .*/\\1.utf8/p' /etc/locale.gen > $TMP/made"}
    case("locale_gen-" + name, "locale_gen", args, tools=tools, etc={"etc/locale.gen": LOCALES}, files={"made": "en_US.utf8\n"}, look={k: k for k in ("etc/locale.gen", "calls")}, **more)


locale_gen("new", {"name": "de_CH.UTF-8"})
locale_gen("new-check", {"name": "de_CH.UTF-8"}, check=True)
locale_gen("already", {"name": "en_US.UTF-8"})
locale_gen("many", {"name": ["de_CH.UTF-8", "en_US.UTF-8"]})
locale_gen("absent", {"name": "en_US.UTF-8", "state": "absent"})
locale_gen("absent-already", {"name": "de_CH.UTF-8", "state": "absent"})
locale_gen("unknown", {"name": "xx_YY.UTF-8"})

def source(name, args, lists=None, **more):
    lists = {"etc-apt/sources.list.d/own.list": "# mine\ndeb  http://a.example/x stable main # here\n#deb http://off.example stable main\n", **(lists or {})}
    case("apt_repository-" + name, "apt_repository", {"update_cache": False, **args}, world=True, files=lists,
         look={k: "etc-apt/sources.list.d/" + k + ".list" for k in ("own", "b_example_debian", "k8s", "empty")}, **more)


source("new", {"repo": "deb [arch=amd64 signed-by=/k.gpg] https://b.example/debian stable main"}, diff=True)
source("new-check", {"repo": "deb https://user:pw@b.example/debian stable main"}, check=True, diff=True)
source("named", {"repo": "deb https://b.example/debian stable main", "filename": "k8s", "mode": "0600"})
source("already", {"repo": "deb http://a.example/x stable   main"})
source("enabled-again", {"repo": "deb http://off.example stable main"}, diff=True)
source("into-a-file-there", {"repo": "deb-src http://a.example/x stable main", "filename": "own"})
source("absent", {"repo": "deb http://a.example/x stable main", "state": "absent"})
source("absent-last", {"repo": "deb http://e.example x y", "state": "absent"}, {"etc-apt/sources.list.d/empty.list": "deb http://e.example x y\n"}, diff=True)
source("absent-already", {"repo": "deb http://n.example x y", "state": "absent"})
source("invalid", {"repo": "http://b.example/debian stable"})
source("disabled", {"repo": "# deb http://b.example/debian stable main"})
source("empty", {"repo": ""})
source("updated", {"repo": "deb [trusted=yes] file:$TMP/repo ./", "update_cache": True, "filename": "k8s"}, {"etc-apt/sources.list.d/own.list": "# mine\n"})

PIP = """case $1 in
list) printf 'Foo-bar==1.2\\nother==3.0\\n'; [ ! -e $TMP/done ] || echo new==1 ;;
install) echo "$*" >> $TMP/calls; case "$*" in *refuse*) echo "ERROR: No matching distribution" >&2; exit 1 ;; *bar*) echo "Requirement already satisfied" ;; *) touch $TMP/done; echo "Successfully installed x" ;; esac ;;
uninstall) echo "$*" >> $TMP/calls; case "$*" in *bar*) echo "Successfully uninstalled foo-bar-1.2" ;; *) echo "WARNING: Skipping x as it is not installed." >&2 ;; esac ;;
esac"""
def pip(name, args, **more):
    if "virtualenv" not in args:
        args = {"executable": "$TMP/bin/pip3", **args}
    make = '[ "$1" != --help ] || exit 0; for e; do :; done; mkdir -p "$e/bin"; : > "$e/bin/activate"; cp $TMP/bin/pip3 "$e/bin/pip"; echo made'
    case("pip-" + name, "pip", args, tools={"pip3": PIP, "makeenv": make}, look={"calls": "calls"}, **more)


pip("new", {"name": "new"})
pip("already", {"name": "foo-bar"})
pip("version", {"name": "new", "version": "1.0"})
pip("conditions", {"name": ["new>1.0", "<2", "other"]})
pip("check-new", {"name": "new"}, check=True)
pip("check-already", {"name": "foo_bar>=1.0"}, check=True)
pip("check-other-version", {"name": "foo_bar>=2.0"}, check=True)
pip("check-absent", {"name": "other", "state": "absent"}, check=True)
pip("absent", {"name": "foo-bar", "state": "absent"})
pip("absent-already", {"name": "none", "state": "absent"})
pip("latest", {"name": "new", "state": "latest"})
pip("latest-version", {"name": "new", "state": "latest", "version": "1"})
pip("version-and-condition", {"name": "new>1", "version": "1"})
pip("version-of-many", {"name": ["a", "b"], "version": "1"})
pip("requirements", {"requirements": "/r.txt", "extra_args": "--no-deps -q"})
pip("refused", {"name": "refuse"})
pip("environment", {"name": "new", "virtualenv": "$TMP/env", "virtualenv_command": "$TMP/bin/makeenv -m venv"})
pip("environment-check", {"name": "new", "virtualenv": "$TMP/env"}, check=True)

KEYS = """case "$*" in
*"-q gpg-pubkey"*|*"-q  gpg-pubkey"*) [ -e $TMP/keys ] || exit 1; cat $TMP/keys ;;
*) echo "$*" >> $TMP/calls ;;
esac"""
GPG = """for last; do :; done
case "$*" in
*show-only*) echo "fpr:::::::::AAAABBBBCCCCDDDDEEEEFFFF0123456789ABCDEF:" ;;
*) echo "pub:-:4096:1:0123456789ABCDEF:1:::-:::scESC::::::23::0:" ;;
esac"""
def rpm_key(name, args, keys=False, **more):
    case("rpm_key-" + name, "rpm_key", args, tools={"rpm": KEYS, "gpg": GPG}, files={"k.asc": "key\n", **({"keys": "key\n"} if keys else {})}, look={"calls": "calls"}, **more)


rpm_key("new", {"key": "$TMP/k.asc"})
rpm_key("new-check", {"key": "$TMP/k.asc"}, check=True)
rpm_key("already", {"key": "$TMP/k.asc"}, keys=True)
rpm_key("fingerprint", {"key": "$TMP/k.asc", "fingerprint": "AAAA BBBB CCCC DDDD EEEE FFFF 0123 4567 89AB CDEF"})
rpm_key("fingerprint-other", {"key": "$TMP/k.asc", "fingerprint": "1111"})
rpm_key("absent", {"key": "89ABCDEF", "state": "absent"}, keys=True)
rpm_key("absent-already", {"key": "0x89abcdef", "state": "absent"})
rpm_key("id-to-import", {"key": "89ABCDEF"})
rpm_key("no-key", {"key": "$TMP/none"})
