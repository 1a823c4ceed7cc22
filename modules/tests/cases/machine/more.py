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

# Files of sections, answers for packages, selections, init scripts, firewalls, tables of mounts.
INI = "top = 1\n\n[a]\nx = 1\n# y = 2\nx = 3\n\n[b]\nflag\nspaced=1\n[peer]\nk = 1\nip = a\n[peer]\nk = 2\nip = b\n"


def ini(name, args, text=INI, **more):
    files = {} if text is None else {"t.ini": text}
    case("ini_file-" + name, "ini_file", {"path": "$TMP/t.ini", **args}, files=files, vary=["uid", "gid", "owner", "group"],
         look={"": "t.ini"}, **more)


ini("new-file", {"section": "a", "option": "x", "value": "1", "mode": "0600"}, text=None)
ini("new-file-check", {"section": "a", "option": "x", "value": "1"}, text=None, check=True, diff=True)
ini("new-file-refused", {"section": "a", "option": "x", "value": "1", "create": False}, text=None)
ini("same", {"section": "b", "option": "spaced", "value": "1", "no_extra_spaces": True})
ini("spaces", {"section": "b", "option": "spaced", "value": "1"}, diff=True)
ini("spaces-ignored", {"section": "b", "option": "spaced", "value": "1", "ignore_spaces": True})
ini("twice", {"section": "a", "option": "x", "value": "3"}, diff=True)
ini("values", {"section": "a", "option": "x", "values": ["3", "9", "9"]})
ini("values-more", {"section": "a", "option": "x", "values": ["3", "9"], "exclusive": False})
ini("values-less", {"section": "a", "option": "x", "value": "3", "exclusive": False, "state": "absent"})
ini("commented", {"section": "a", "option": "y", "value": "5"})
ini("commented-kept", {"section": "a", "option": "y", "value": "5", "modify_inactive_option": False})
ini("no-section", {"option": "top", "value": "2"})
ini("no-section-new", {"option": "more", "value": "2"})
ini("no-value", {"section": "a", "option": "z", "allow_no_value": True})
ini("no-value-same", {"section": "b", "option": "flag", "allow_no_value": True})
ini("no-value-gets-one", {"section": "b", "option": "flag", "value": "x"})
ini("value-missing", {"section": "a", "option": "z"})
ini("section-new", {"section": "c", "allow_no_value": True})
ini("section-gone", {"section": "a", "state": "absent"}, diff=True)
ini("section-gone-already", {"section": "c", "state": "absent"})
ini("option-gone", {"section": "a", "option": "x", "state": "absent"})
ini("having", {"section": "peer", "section_has_values": [{"option": "k", "value": "2"}], "option": "ip", "value": "c"})
ini("having-new", {"section": "peer", "section_has_values": [{"option": "k", "values": ["3"]}], "option": "ip", "value": "c"})
ini("no-newline", {"section": "a", "option": "x", "value": "1"}, text="[a]\nx = 1")
ini("carriage-returns", {"section": "a", "option": "x", "value": "2"}, text="[a]\r\nx = 1\r\n")

SELECTIONS = """case $1 in --get-selections) case $2 in nosuch) echo "dpkg: no packages found matching nosuch" >&2 ;; new) ;; *) printf '%s\\t\\t\\t\\t\\t\\thold\\n' "$2" ;; esac ;;
--set-selections) cat > $TMP/set ;; esac"""


def selections(name, args, **more):
    case("dpkg_selections-" + name, "dpkg_selections", args, tools={"dpkg": SELECTIONS}, **more)


selections("already", {"name": "kubelet", "selection": "hold"})
selections("changed", {"name": "kubelet", "selection": "install"})
selections("changed-check", {"name": "kubelet", "selection": "purge"}, check=True)
selections("new", {"name": "new", "selection": "hold"})
selections("unknown", {"name": "nosuch", "selection": "hold"})

ANSWERS = {
    "debconf-show": "[ $1 != broken ] || { echo no such thing >&2; exit 1; }; printf '* t/area: Europe\\n  t/many: b, a\\n* t/yes: true\\n* t/pw: (password omitted)\\n'",
    "debconf-set-selections": "printf '%s ' \"$@\" > $TMP/set; cat >> $TMP/set; echo told",
    "debconf-get-selections": "printf 't\\tt/pw\\tpassword\\tsecret\\n'",
}


def debconf(name, args, **more):
    case("debconf-" + name, "debconf", {"name": "t", **args}, tools=ANSWERS, **more)


debconf("list", {})
debconf("same", {"question": "t/area", "vtype": "select", "value": "Europe"})
debconf("changed", {"question": "t/area", "vtype": "select", "value": "Asia"}, diff=True, look={"": "set"})
debconf("changed-check", {"question": "t/area", "vtype": "select", "value": "Asia"}, check=True, diff=True)
debconf("new", {"question": "t/new", "vtype": "string", "value": "x y", "unseen": True}, diff=True)
debconf("boolean", {"question": "t/yes", "vtype": "boolean", "value": True})
debconf("boolean-changed", {"question": "t/yes", "vtype": "boolean", "value": "False"})
debconf("many-same", {"question": "t/many", "vtype": "multiselect", "value": ["a", "b"]})
debconf("many-changed", {"question": "t/many", "vtype": "multiselect", "value": ["c", "b"]})
debconf("many-wrong", {"question": "t/many", "vtype": "multiselect", "value": ["c", 1]})
debconf("password-same", {"question": "t/pw", "vtype": "password", "value": "secret"})
debconf("password-changed", {"question": "t/pw", "vtype": "password", "value": "other"})
debconf("broken", {"name": "broken"})

SCRIPT = "#!/bin/sh\ncase $1 in status) echo \"svc is {}\"; exit {} ;; *) echo \"did $*\" ;; esac\n"
LEVELS = {"ps": "echo USER PID COMMAND; echo root 1 /sbin/other --serve"}


def sysvinit(name, args, says="running", rc=0, links=(), **more):
    etc = {"init.d/muster1": SCRIPT.format(says, rc), **{link: "" for link in links}}
    case("sysvinit-" + name, "sysvinit", {"name": "muster1", **args}, tools=LEVELS,
         etc={"etc/" + path: text for path, text in etc.items()}, look={"": "levels"}, **more)


sysvinit("enabled-check", {"enabled": True, "pattern": "x"}, check=True)
sysvinit("levels-check", {"enabled": True, "pattern": "x", "runlevels": ["3", "5"]}, links=["rc3.d/S01muster1"], check=True)
sysvinit("stopped-check", {"state": "stopped", "pattern": "--serve"}, check=True)
sysvinit("enabled-already", {"enabled": True, "pattern": "x"}, links=["rc3.d/S01muster1"])
sysvinit("restarted-check", {"state": "restarted", "pattern": "nothing"}, check=True)
sysvinit("pattern", {"state": "started", "pattern": "other --serve"}, rc=3)
sysvinit("missing", {"name": "nosuch", "state": "started"})

UFW = """case $* in
"status verbose") if [ -e $TMP/on ]; then printf 'Status: active\\nLogging: on (low)\\nDefault: deny (incoming), allow (outgoing), disabled (routed)\\nNew profiles: skip\\n'; else printf 'Status: inactive\\n'; fi ;;
--version) echo "ufw 0.36.2" ;;
"status numbered") printf 'Status: active\\n\\n[ 1] 22 ALLOW IN Anywhere\\n[ 2] 22 (v6) ALLOW IN Anywhere (v6)\\n' ;;
*enable) touch $TMP/on ;; *disable) rm -f $TMP/on ;;
--dry-run*443*) printf '*filter\\n### tuple ### allow tcp 443 0.0.0.0/0 any 0.0.0.0/0 in\\n' ;;
--dry-run*) printf 'Skipping adding existing rule\\nSkipping adding existing rule (v6)\\n' ;;
*broken*) echo "ERROR: no" >&2; exit 1 ;; *) echo Done ;; esac"""


def ufw(name, args, on=True, **more):
    case("ufw-" + name, "ufw", args, tools={"ufw": UFW, "grep": "exit 1"}, files={"on": ""} if on else {}, **more)


ufw("enabled", {"state": "enabled"}, on=False)
ufw("enabled-already", {"state": "enabled"})
ufw("enabled-check", {"state": "enabled"}, on=False, check=True)
ufw("reloaded-check", {"state": "reloaded"}, check=True)
ufw("rule", {"rule": "allow", "port": "443", "proto": "tcp", "from": "10.0.0.0/8", "comment": "it is"})
ufw("rule-new-check", {"rule": "allow", "port": "443", "proto": "tcp"}, check=True)
ufw("rule-there-check", {"rule": "allow", "port": "22"}, check=True)
ufw("rule-inserted", {"rule": "deny", "port": "80", "insert": 0, "insert_relative_to": "first-ipv6"})
ufw("rule-deleted", {"rule": "deny", "port": "80", "delete": True, "insert": 3})
ufw("rule-routed", {"rule": "allow", "route": True, "interface_in": "a", "interface_out": "b", "log": True})
ufw("rule-not-routed", {"rule": "allow", "interface_in": "a", "interface_out": "b"})
ufw("rule-named", {"rule": "limit", "name": "Nginx Full"})
ufw("rule-refused", {"rule": "allow", "port": "broken"})
ufw("default", {"default": "reject", "direction": "outgoing"})
ufw("default-check", {"default": "deny"}, check=True)
ufw("default-direction", {"default": "deny", "direction": "in"})
ufw("logging", {"logging": "full"})
ufw("logging-check", {"logging": "on"}, check=True)
ufw("interface", {"rule": "allow", "interface": "eth0"})
