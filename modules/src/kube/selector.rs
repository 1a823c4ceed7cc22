//! Label selectors, decided here: whether labels are chosen by all of several selectors, each as kubectl's `-l` has it.

use serde_json::Value as Json;

/// Whether all selectors choose these labels. What has no labels is chosen by none.
pub(crate) fn selects(labels: Option<&Json>, selectors: &[String]) -> bool {
    let Some(labels) = labels.filter(|labels| labels.is_object()) else { return false };
    selectors.iter().flat_map(|selector| requirements(selector)).all(|one| is_met(&one, labels))
}

/// The parts of a selector: commas divide, but not within parentheses.
fn requirements(selector: &str) -> Vec<String> {
    let (mut parts, mut depth) = (vec![String::new()], 0);
    for c in selector.chars() {
        depth += i32::from(c == '(') - i32::from(c == ')');
        match (c, parts.last_mut()) {
            (',', _) if depth == 0 => parts.push(String::new()),
            (c, Some(part)) => part.push(c),
            (_, None) => {}
        }
    }
    parts.into_iter().map(|part| part.trim().to_string()).filter(|part| !part.is_empty()).collect()
}

fn is_met(requirement: &str, labels: &Json) -> bool {
    let value = |key: &str| labels.get(key.trim()).and_then(Json::as_str);
    if let Some((head, list)) = requirement.split_once('(') {
        let values: Vec<&str> = list.trim_end().trim_end_matches(')').split(',').map(str::trim).collect();
        let mut words = head.split_whitespace();
        let (key, operator) = (words.next().unwrap_or_default(), words.next());
        let is_in = value(key).is_some_and(|value| values.contains(&value));
        return if operator == Some("notin") { !is_in } else { is_in };
    }
    if let Some((key, wanted)) = requirement.split_once("!=") {
        return value(key) != Some(wanted.trim());
    }
    if let Some((key, wanted)) = requirement.split_once('=') {
        return value(key) == Some(wanted.trim_start_matches('=').trim());
    }
    match requirement.strip_prefix('!') {
        Some(key) => value(key).is_none(),
        None => value(requirement).is_some(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn labels_are_chosen_by_value_set_and_presence() {
        let labels = json!({"app": "web", "tier": "front"});
        for (selector, chosen) in [
            ("app=web", true),
            ("app == web,tier", true),
            ("app!=web", false),
            ("app in (db, web), tier notin (back)", true),
            ("app notin (web)", false),
            ("!gone", true),
            ("!app", false),
            ("gone", false),
        ] {
            assert_eq!(selects(Some(&labels), &[selector.to_string()]), chosen, "{selector}");
        }
        assert!(!selects(None, &["!gone".to_string()]));
    }
}
