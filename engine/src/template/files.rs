//! Template files. A file's text and how it differs from the usual come in, text goes out. Includes, imports and
//! parents are looked for beside the roles and playbooks that the scope searches, and are rewritten as well.

use super::compile::{Broken, only, with_newlines};
use super::finish::finish;
use super::lazy::{Core, Root};
use super::rewrite::{Mode, Shape, rewrite};
use super::{Fault, FileOptions, Spot, Value, environment as shared, fault, native};
use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, Error, ErrorKind};
use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// An environment whose includes are found from this scope.
pub fn environment(core: &Arc<Core>, syntax: SyntaxConfig) -> Environment<'static> {
    let mut env = shared::environment().clone();
    env.set_syntax(syntax.clone());
    let search = core.around.search.clone();
    env.set_loader(move |name| {
        let Some(path) = find(&search, name) else { return Ok(None) };
        let unreadable = |error: std::io::Error| {
            Error::new(ErrorKind::TemplateNotFound, format!("{}: {error}", path.display()))
        };
        let text = std::fs::read_to_string(&path).map_err(unreadable)?;
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        let text = text.strip_suffix('\n').unwrap_or(&text);
        rewrite(text, Mode::File, &syntax).map(|rewritten| Some(rewritten.text))
    });
    env.set_path_join_callback(|name, parent| {
        // `./x` is beside the includer; anything else is searched for.
        match name.strip_prefix("./") {
            Some(rest) => Path::new(parent).with_file_name(rest).display().to_string().into(),
            None => name.into(),
        }
    });
    env
}

/// Where an included template is: absolute, or in `templates` of a searched directory, or in it.
pub fn find(search: &[PathBuf], name: &str) -> Option<PathBuf> {
    let path = PathBuf::from(name);
    if path.is_absolute() {
        return path.is_file().then_some(path);
    }
    let tried = search.iter().flat_map(|dir| [dir.join("templates").join(&path), dir.join(&path)]);
    tried.into_iter().find(|path| path.is_file())
}

/// Renders a template file.
///
/// # Errors
/// It does not parse, fails, or reads something undefined; the message names the file and line.
pub fn render(core: &Arc<Core>, name: &str, text: &str, options: &FileOptions) -> Result<Value, Fault> {
    let mut options = options.clone();
    let fail = |message: String| Fault::new(message, None);
    let body = header(text, &mut options)
        .map_err(|why| fail(format!("Syntax error in template: {why}")))?
        .unwrap_or(text);
    let skipped = text.len().saturating_sub(body.len());
    let lines = text.get(..skipped).unwrap_or("").matches('\n').count();
    let syntax = syntax(&options).map_err(|error| fail(error.to_string()))?;
    if is_plain(body, &options) {
        return Ok(Value::from(body));
    }
    let unified = unified(body);
    let body = &*unified;
    let source = body.strip_suffix('\n').unwrap_or(body);
    let refused = |message: String, line: usize| {
        fail(format!("Syntax error in template: {message}"))
            .at(Spot::File(name.to_owned(), Some(line + lines)))
    };
    let rewritten = rewrite(source, Mode::File, &syntax).map_err(|error| {
        let broken = Broken::refused(&error, Mode::File, source);
        refused(broken.message, error.line().unwrap_or(1))
    })?;
    if let Some(unknown) = Broken::unknown(&rewritten) {
        let before = unknown.at.and_then(|range| source.get(..range.start)).unwrap_or("");
        return Err(refused(unknown.message, before.matches('\n').count() + 1));
    }
    let mut search: Vec<PathBuf> = Path::new(name).parent().map(Path::to_path_buf).into_iter().collect();
    search.extend(core.around.search.iter().cloned());
    let around = super::Surroundings { search: search.into(), ..core.around.clone() };
    let env = environment(&Core::new(core.names.clone(), around), syntax);
    let rendered = core.current(|| {
        let template = env.template_from_named_str(name, &rewritten.text)?;
        let mut done = template.render_captured(Root::changing(core, rewritten.changes))?;
        // With more than one newline at its end it is text.
        if rewritten.shape == Shape::MaybeSingle
            && !source.ends_with('\n')
            && let Some(value) = only(&mut done)?.filter(|value| value.as_str().is_none() && !value.is_none())
        {
            return finish(value);
        }
        native::native(Value::from(with_newlines(done.into_output(), body)))
    });
    match rendered {
        Ok(value) => Ok(value),
        Err(error) => {
            let fault = fault::plain(&error);
            let line = error.line().filter(|_| error.name() == Some(name));
            let message = match fault::carried(&error) {
                Some(_) => fault.message,
                None => fault::led(fault.message, fault.undefined, "template"),
            };
            let spot = Spot::File(name.to_owned(), line.map(|line| line + lines));
            Err(Fault { message, ..fault }.at(spot))
        }
    }
}

/// Whether nothing of a template is in a text: it stays as it is, its ends of lines too.
pub fn is_plain(text: &str, options: &FileOptions) -> bool {
    let start = |pair: &Option<(String, String)>, usual: &str| {
        text.contains(pair.as_ref().map_or(usual, |(start, _)| start.as_str()))
    };
    let prefix = |prefix: &Option<String>| prefix.as_ref().is_some_and(|prefix| text.contains(&**prefix));
    !start(&options.variable, "{{")
        && !start(&options.block, "{%")
        && !start(&options.comment, "{#")
        && !prefix(&options.line_statement)
        && !prefix(&options.line_comment)
}

/// A template's lines as Jinja reads them, however they end.
fn unified(text: &str) -> Cow<'_, str> {
    if !text.contains('\r') {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n"))
}

fn syntax(options: &FileOptions) -> Result<SyntaxConfig, Error> {
    let mut builder = SyntaxConfig::builder();
    builder.trim_blocks(options.trim_blocks.unwrap_or(true));
    builder.lstrip_blocks(options.lstrip_blocks.unwrap_or(false));
    if let Some((start, end)) = options.variable.clone() {
        builder.variable_delimiters(start, end);
    }
    if let Some((start, end)) = options.block.clone() {
        builder.block_delimiters(start, end);
    }
    if let Some((start, end)) = options.comment.clone() {
        builder.comment_delimiters(start, end);
    }
    if let Some(prefix) = options.line_statement.clone() {
        builder.line_statement_prefix(prefix);
    }
    if let Some(prefix) = options.line_comment.clone() {
        builder.line_comment_prefix(prefix);
    }
    builder.build()
}

/// Takes `#jinja2: name: value, ...` off the top of a file and gives what follows it.
///
/// # Errors
/// A pair has no colon, or its name is none that can be overridden here.
fn header<'t>(text: &'t str, options: &mut FileOptions) -> Result<Option<&'t str>, String> {
    let Some((line, body)) = text.strip_prefix("#jinja2:").and_then(|rest| rest.split_once('\n')) else {
        return Ok(None);
    };
    for pair in line.split(',') {
        let Some((key, value)) = pair.split_once(':') else {
            return Err(format!("Missing key-value separator `:` in '#jinja2:' override pair '{pair}'."));
        };
        let value = value.trim();
        let unquoted = value.trim_matches(['\'', '"']).to_string();
        let truth = matches!(value, "True" | "true" | "yes" | "1");
        let default = |start: &str, end: &str| (start.to_string(), end.to_string());
        let variable = || default("{{", "}}");
        let block = || default("{%", "%}");
        let comment = || default("{#", "#}");
        match key.trim() {
            "trim_blocks" => options.trim_blocks = Some(truth),
            "lstrip_blocks" => options.lstrip_blocks = Some(truth),
            "variable_start_string" => options.variable.get_or_insert_with(variable).0 = unquoted,
            "variable_end_string" => options.variable.get_or_insert_with(variable).1 = unquoted,
            "block_start_string" => options.block.get_or_insert_with(block).0 = unquoted,
            "block_end_string" => options.block.get_or_insert_with(block).1 = unquoted,
            "comment_start_string" => options.comment.get_or_insert_with(comment).0 = unquoted,
            "comment_end_string" => options.comment.get_or_insert_with(comment).1 = unquoted,
            "line_statement_prefix" => options.line_statement = Some(unquoted),
            "line_comment_prefix" => options.line_comment = Some(unquoted),
            // What every file has anyway.
            "keep_trailing_newline" | "newline_sequence" => {}
            other => return Err(format!("Invalid '#jinja2:' override key '{other}'.")),
        }
    }
    Ok(Some(body))
}
