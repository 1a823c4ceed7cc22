//! A [`Look`]: what to find out about a path, made into one script whose answer is [`Facts`]. The script changes nothing.

use super::Facts;
use crate::files::script::{self, quote, word};
use muster_engine::module::{Context, Failure};

/// Where content is wanted in the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    No,
    /// Of a regular file, a link followed, if it is at most so long.
    UpTo(u64),
    All,
}

/// What to find out about a path.
#[derive(Clone, Debug)]
pub(crate) struct Look<'a> {
    word: String,
    inside: Option<&'a str>,
    checksum: Option<&'a str>,
    content: Content,
    owner: Option<&'a str>,
    group: Option<&'a str>,
    labels: bool,
    more: &'a str,
    then: &'a str,
}

impl<'a> Look<'a> {
    /// Looks at a path, as an argument has it.
    pub fn at(path: &'a str) -> Self {
        Self {
            word: word(path),
            inside: None,
            checksum: None,
            content: Content::No,
            owner: None,
            group: None,
            labels: false,
            more: "",
            then: "",
        }
    }

    /// Looks at a name below a path; nothing in the name is expanded.
    pub fn below(path: &'a str, name: &str) -> Self {
        let mut look = Self::at(path);
        look.word.push_str(&quote(&format!("/{name}")));
        look
    }

    /// If the path is a directory (or ends like one), look at this name in it instead.
    pub fn inside(mut self, name: Option<&'a str>) -> Self {
        self.inside = name;
        self
    }

    /// With the checksum of a regular file: `sha1`, `md5`, `sha256`, ….
    pub fn checksum(mut self, algorithm: &'a str) -> Self {
        self.checksum = Some(algorithm);
        self
    }

    /// With the file's content.
    pub fn content(mut self, content: Content) -> Self {
        self.content = content;
        self
    }

    /// With the ids of a user and a group.
    pub fn ids(mut self, owner: Option<&'a str>, group: Option<&'a str>) -> Self {
        (self.owner, self.group) = (owner, group);
        self
    }

    /// With the attributes of the file system and the SELinux context.
    pub fn labels(mut self, wanted: bool) -> Self {
        self.labels = wanted;
        self
    }

    /// With a piece of script of the module's own, run with the path in `$p`; it must print exactly one field.
    pub fn more(mut self, script: &'a str) -> Self {
        self.more = script;
        self
    }

    /// With a piece of script that prints any number of fields, left in [`Facts::rest`]; not together with content.
    pub fn then(mut self, script: &'a str) -> Self {
        self.then = script;
        self
    }

    /// The script.
    pub fn script(&self) -> String {
        let mut out = format!("p={}\n", self.word);
        if let Some(name) = self.inside {
            let name = quote(name);
            out.push_str(&format!(
                "i=\ncase $p in */) i=/ p=$p{name} ;; *) [ -d \"$p\" ] && i=d p=$p/{name} ;; esac\n\
                 [ \"$i\" = / ] && [ -d \"$p\" ] && i=d p=$p/{name}\n"
            ));
        }
        out.push_str("put \"$p\"; put \"$i\"; look \"$p\"\n");
        out.push_str(
            "case $p in */*) d=${p%/*}; [ -n \"$d\" ] || d=/ ;; *) d=. ;; esac\n\
             a=; [ -e \"$d\" ] && a=e; [ -w \"$d\" ] && a=${a}w\n\
             case ${ANSIBLE_UNSAFE_WRITES-} in 1|[yY]|[tT]|[yY][eE][sS]|[oO][nN]|[tT][rR][uU][eE]) a=${a}u ;; esac\n\
             put \"$d\"; put \"$a\"\n\
             while [ ! -e \"$d\" ] && [ \"$d\" != . ]; do case $d in */*) d=${d%/*}; [ -n \"$d\" ] || d=/ ;; *) d=. ;; esac; done\n\
             put \"$d\"; put \"$(LC_ALL=C stat -L -c \"$F\" -- \"$d\" 2>&1)\"\n\
             put \"$(umask)\"; put \"$(id -u)\"; put \"$(id -g)\"\n",
        );
        for (name, database) in [(self.owner, "passwd"), (self.group, "group")] {
            match name {
                Some(name) => out.push_str(&id_script(name, database)),
                None => out.push_str("put ''\n"),
            }
        }
        match self.checksum {
            Some(algorithm) => out.push_str(&format!("sum {} \"$p\"\n", quote(algorithm))),
            None => out.push_str("put ''\n"),
        }
        out.push_str(match self.labels {
            true => {
                "a=$(lsattr -d -- \"$p\" 2>/dev/null) || a=\n\
                 c=; [ -d /sys/fs/selinux ] && c=$(LC_ALL=C stat -c %C -- \"$p\" 2>/dev/null)\n\
                 put \"${a%% *} $c\"\n"
            }
            false => "put ''\n",
        });
        match self.more {
            "" => out.push_str("put ''\n"),
            more => out.push_str(&format!("{more}\n")),
        }
        let cat = "{ put c; cat -- \"$p\"; exit; }";
        match self.content {
            Content::No => {}
            Content::All => out.push_str(&format!("if [ -f \"$p\" ] && [ -r \"$p\" ]; then {cat}; fi\n")),
            Content::UpTo(most) => out.push_str(&format!(
                "if [ -f \"$p\" ] && [ -r \"$p\" ] && [ \"$(stat -L -c %s -- \"$p\")\" -le {most} ]; then {cat}; fi\n"
            )),
        }
        out.push_str("put -\n");
        out.push_str(self.then);
        out
    }

    /// Looks.
    pub async fn run(&self, cx: &Context) -> Result<Facts, Failure> {
        Facts::read(script::run(cx, &self.script()).await?)
    }
}

/// Prints `id` of a user or group, `id!` if it is a number that nobody has, nothing for an unknown name.
fn id_script(name: &str, database: &str) -> String {
    let word = quote(name);
    let number = name.parse::<u32>().is_ok();
    let column = if number { "$i" } else { "$n" };
    let unknown = if number { format!("{word}!") } else { "''".into() };
    format!(
        "a=$(getent {database} {word} 2>/dev/null) || a=$(while IFS= read -r l; do n=${{l%%:*}}; i=${{l#*:*:}}; i=${{i%%:*}}; \
         [ \"{column}\" = {word} ] && printf %s \"$l\" && break; done < /etc/{database})\n\
         if [ -n \"$a\" ]; then a=${{a#*:*:}}; put \"${{a%%:*}}\"; else put {unknown}; fi\n"
    )
}
