//! Texts to compiled templates, each distinct text once per process. A text and a [`Mode`] come in, a shared
//! [`Compiled`] goes out; evaluating it over a scope gives a value of its own type. Failed texts are kept as well.

use super::environment::{environment, knows};
use super::lazy::{Core, Root};
use super::rewrite::operators::Emitted;
use super::rewrite::{Mode, Plugin, Rewritten, Shape, rewrite};
use super::{Value, fault, files, native, syntax};
use crate::diagnostic::nearest;
use minijinja::{Captured, Error, Expression, Template};
use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

/// A text that was compiled.
#[derive(Debug)]
pub struct Compiled {
    /// What is known about it.
    pub rewritten: Rewritten,
    /// Whether it is a bare expression.
    pub bare: bool,
    source: Arc<str>,
    code: Code,
}

enum Code {
    Expression(Expression<'static, 'static>),
    Template(Template<'static, 'static>),
    /// It includes other templates, which depend on the scope: compiled when rendered.
    Files,
}

impl std::fmt::Debug for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Expression(_) => "expression",
            Self::Template(_) => "template",
            Self::Files => "files",
        })
    }
}

/// Why a text does not compile.
#[derive(Clone, Debug)]
pub struct Broken {
    /// As Ansible phrases it, without its lead.
    pub message: String,
    /// Whether it is a lookup that is not there: that alone is no fault of the syntax.
    pub lookup: bool,
    /// Where in the text.
    pub at: Option<Range<usize>>,
    /// What to type instead.
    pub help: Option<String>,
}

type Shelf = RwLock<HashMap<(Arc<str>, Mode), Result<Arc<Compiled>, Arc<Broken>>>>;

/// The compiled text.
///
/// # Errors
/// It does not parse, or names a filter or test that there is not.
pub fn compile(text: &Arc<str>, mode: Mode) -> Result<Arc<Compiled>, Arc<Broken>> {
    static SHELF: OnceLock<Shelf> = OnceLock::new();
    let shelf = SHELF.get_or_init(Shelf::default);
    let key = (text.clone(), mode);
    if let Some(found) = shelf.read().unwrap_or_else(PoisonError::into_inner).get(&key) {
        return found.clone();
    }
    let made = Compiled::new(text, mode).map(Arc::new).map_err(Arc::new);
    let mut shelf = shelf.write().unwrap_or_else(PoisonError::into_inner);
    shelf.entry(key).or_insert(made).clone()
}

impl Broken {
    /// From the parser's refusal of `source`.
    pub fn refused(error: &Error, mode: Mode, source: &str) -> Self {
        let detail = error.detail().map_or_else(|| error.kind().to_string(), str::to_string);
        let delimiters = mode == Mode::Condition && (source.contains("{{") || source.contains("{%"));
        let got = error.range().and_then(|range| source.get(range)).unwrap_or("");
        let at = error.range().map(|range| range.start);
        Self {
            message: syntax::said(&detail, source, at, got, mode == Mode::Condition),
            lookup: false,
            at: error.range(),
            help: delimiters
                .then(|| "a bare expression takes no `{{ }}` inside: write the name itself".into()),
        }
    }

    /// What the evaluation of the text fails with.
    #[must_use]
    pub fn told(&self) -> String {
        let lead = if self.lookup { "" } else { "Syntax error in template: " };
        format!("{lead}{}", self.message)
    }

    /// The first name in `rewritten` that is no filter or test.
    pub fn unknown(rewritten: &Rewritten) -> Option<Self> {
        let named = rewritten.named.iter().find(|named| !knows(named.plugin, &named.name))?;
        let empty = BTreeSet::new();
        let known = match named.plugin {
            Plugin::Filter => super::environment::filters(),
            Plugin::Test => super::environment::tests(),
            Plugin::Lookup => &empty,
        };
        let short = named.name.rsplit('.').next().unwrap_or(&named.name);
        let near = nearest(short, known.iter().map(String::as_str).filter(|name| !name.contains('.')));
        let help = super::guests::absent(named.plugin, &named.name);
        Some(Self {
            message: match named.plugin {
                Plugin::Lookup => format!("The lookup plugin '{}' was not found.", named.name),
                kind => format!("No {} named '{}'.", kind.name(), named.name),
            },
            lookup: named.plugin == Plugin::Lookup,
            at: Some(named.at.clone()),
            help: help.or_else(|| near.map(|near| format!("did you mean `{near}`?"))),
        })
    }
}

impl Compiled {
    fn new(source: &Arc<str>, mode: Mode) -> Result<Self, Broken> {
        // Jinja reads every end of a line as one newline.
        let unified = match mode {
            Mode::Playbook if source.contains('\r') => {
                Cow::Owned(source.replace("\r\n", "\n").replace('\r', "\n"))
            }
            _ => Cow::Borrowed(&**source),
        };
        let text: &str = match mode {
            Mode::Condition => source,
            _ => unified.strip_suffix('\n').unwrap_or(&unified),
        };
        let refused = |error: Error| Broken::refused(&error, mode, source);
        let rewritten = rewrite(text, mode, environment().syntax()).map_err(refused)?;
        if let Some(unknown) = Broken::unknown(&rewritten) {
            return Err(unknown);
        }
        let new = &rewritten.text;
        let code = match &rewritten.shape {
            _ if mode == Mode::Condition => {
                environment().compile_expression_owned(new.clone()).map(Code::Expression)
            }
            // With more than one newline at its end it is text.
            Shape::Sole(range) if !text.ends_with('\n') => {
                // Padded, so that ranges and lines hold.
                let lead = new.get(..range.start).unwrap_or("");
                let pad = lead.bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' });
                let expr = pad.chain(new.get(range.clone()).unwrap_or("").chars()).collect::<String>();
                environment().compile_expression_owned(expr).map(Code::Expression)
            }
            _ if rewritten.includes => Ok(Code::Files),
            // Lives as long as the process, as the cache does.
            _ => environment().template_from_str(Box::leak(new.clone().into_boxed_str())).map(Code::Template),
        };
        let code = code.map_err(refused)?;
        Ok(Self { rewritten, bare: mode == Mode::Condition, source: source.clone(), code })
    }

    /// The value over a scope; may be undefined, or hold something undefined.
    pub fn eval(self: &Arc<Self>, core: &Arc<Core>) -> Result<Value, Error> {
        if super::lazy::current().is_none() {
            fault::forget_missing();
            native::forget();
        }
        let value = core.current(|| self.run(core))?;
        if value.is_undefined() {
            fault::remember_result(core, self);
        }
        Ok(value)
    }

    fn run(&self, core: &Arc<Core>) -> Result<Value, Error> {
        let root = Root::changing(core, self.rewritten.changes);
        let own;
        let template = match &self.code {
            Code::Expression(expression) => return expression.eval(root).map(|value| self.ended(value)),
            Code::Template(template) => template,
            Code::Files => {
                own = files::environment(core, environment().syntax().clone());
                &own.template_from_named_str("template", &self.rewritten.text)?
            }
        };
        let mut done = template.render_captured(root)?;
        if self.rewritten.shape == Shape::MaybeSingle
            && let Some(value) = only(&mut done)?
        {
            return Ok(self.ended(value));
        }
        let text = with_newlines(done.into_output(), &self.source);
        if self.rewritten.captures { native::native(Value::from(text)) } else { Ok(Value::from(text)) }
    }

    /// A value of its own; text gets the newline that the source ends with.
    fn ended(&self, value: Value) -> Value {
        match value.as_str() {
            Some(text) if self.source.ends_with('\n') && self.rewritten.shape != Shape::Text => {
                Value::from(with_newlines(text.to_string(), &self.source))
            }
            _ => value,
        }
    }

    /// Whether it is more than one output.
    pub fn is_of_parts(&self) -> bool {
        !matches!(self.rewritten.shape, Shape::Sole(_))
    }

    /// A part of the template as a value, for messages.
    pub fn parent(&self, core: &Arc<Core>, text: &str) -> Option<Value> {
        let expression = environment().compile_expression_owned(text.to_string()).ok()?;
        core.current(|| expression.eval(Root::value(core))).ok()
    }

    /// The place in the text of an error of its evaluation.
    pub fn locate(&self, error: &Error) -> Option<Range<usize>> {
        if fault::carried(error).is_some() {
            return error.range().map(|range| self.rewritten.back(range));
        }
        self.rewritten.locate(error)
    }

    /// The error that names what was undefined in the result.
    pub fn undefined_error(&self, core: &Arc<Core>) -> Option<Error> {
        let Code::Expression(_) = &self.code else { return None };
        let text = match &self.rewritten.shape {
            Shape::Sole(range) => self.rewritten.text.get(range.clone())?,
            _ => &self.rewritten.text,
        };
        let strict = environment().compile_expression_owned(format!("({text}\n)|_m_want")).ok()?;
        fault::forget_missing();
        core.current(|| strict.eval(Root::value(core))).err()
    }

    /// The same in words.
    pub fn why_undefined(&self, core: &Arc<Core>) -> Option<String> {
        let error = self.undefined_error(core)?;
        Some(fault::of(&error, core, self, None).message)
    }
}

/// The one value that was put out, nothing (`none`) if none was; `None` if there was more.
pub fn only(done: &mut Captured<'_>) -> Result<Option<Value>, Error> {
    let put = done.state().get_extension::<Emitted>().map_or(vec![], |emitted| emitted.0.clone());
    // What gave nothing is not there: one value beside it stays a value.
    let put: Vec<Value> = put.into_iter().filter(|value| !value.is_none()).collect();
    Ok(match put.as_slice() {
        [] if done.output().is_empty() => Some(Value::from(())),
        [value] if done.with_state_mut(|state| state.format(value.clone()))? == done.output() => {
            Some(value.clone())
        }
        _ => None,
    })
}

/// The output with the newlines at its end that the source has.
pub fn with_newlines(mut out: String, source: &str) -> String {
    let ends = |text: &str| text.len() - text.trim_end_matches('\n').len();
    if out.is_empty() {
        return out;
    }
    let missing = ends(source).saturating_sub(ends(&out));
    out.extend(std::iter::repeat_n('\n', missing));
    out
}
