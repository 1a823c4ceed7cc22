//! What a request is written as, and what is made of an answer; no server is asked.

use super::*;

fn args(more: Json) -> Args {
    let mut args = json!({
        "url": "http://h/x", "body_format": "raw", "status_code": [200], "follow_redirects": "safe", "timeout": 30,
        "validate_certs": true, "use_proxy": true, "use_netrc": true, "http_agent": "a", "decompress": true,
    });
    args.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    serde_json::from_value(args).unwrap()
}

fn config(more: Json) -> (String, String) {
    let args = args(more);
    let body = Body::of(&args, &|_| Ok(vec![0, 255])).unwrap();
    let command = request::command(&args, body.as_ref(), None).unwrap();
    (command.script, String::from_utf8(command.stdin.unwrap().to_vec()).unwrap())
}

fn answered(more: Json, done: &Completed) -> Result<Output, Failure> {
    Answer::read(&args(more), done, 0, false).judged()
}

#[test]
fn a_password_is_on_standard_input_and_nowhere_else() {
    let (script, input) =
        config(json!({"url_username": "me", "url_password": "s3\"cret", "headers": {"X-Token": "t0k"}}));
    assert!(!script.contains("s3") && !script.contains("t0k") && !script.contains("me:"));
    assert!(input.contains(r#"user = "me:s3\"cret""#) && input.contains("header = \"X-Token: t0k\""));
    let (script, input) = config(json!({"url_username": "a", "url_password": "b", "force_basic_auth": true}));
    assert!(!script.contains("YTpi") && input.contains("Authorization: Basic YTpi"));
}

#[test]
fn bodies_are_written_as_ansible_writes_them() {
    let (_, input) = config(json!({"method": "POST", "body_format": "json", "body": {"a": [1, "b"]}}));
    assert!(input.contains(r#"data-binary = "{\"a\": [1, \"b\"]}""#), "{input}");
    assert!(input.contains("Content-Type: application/json") && !input.contains("location\n"));
    let form =
        json!({"method": "POST", "body_format": "form-urlencoded", "body": {"a": [1, "b"], "c": "x y&"}});
    assert!(config(form).1.contains(r#""a=1&a=b&c=x+y%26""#));
}

#[test]
fn a_header_of_two_lines_is_refused() {
    assert!(request::command(&args(json!({"headers": {"a": "b\nc: d"}})), None, None).is_err());
}

#[test]
fn the_answer_has_the_keys_of_ansible() {
    let head = "HTTP/1.1 302 Found\r\nLocation: /y\r\n\r\nHTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\
        X-Two: a\r\nX-Two: b\r\nSet-Cookie: k=v; Path=/\r\nContent-Length: 8\r\n\r\n";
    let stdout = format!("0\n200\nhttp://h/y\n{}\n{head}{{\"a\": 1}}", head.len());
    let done = Completed { stdout: stdout.into_bytes(), ..Completed::default() };
    let output = answered(json!({}), &done).unwrap();
    let expected = json!({
        "redirected": true, "url": "http://h/y", "status": 200, "content_type": "application/json", "x_two": "a, b",
        "set_cookie": "k=v; Path=/", "content_length": "8", "cookies_string": "k=v", "cookies": {"k": "v"},
        "msg": "OK (8 bytes)", "elapsed": 0, "changed": false, "json": {"a": 1},
    });
    assert_eq!(Json::Object(output.result), expected);
    let failure = answered(json!({"status_code": [204]}), &done).unwrap_err();
    assert_eq!(failure.message(), "Status code was 200 and not [204]: OK (8 bytes)");
}

#[test]
fn a_request_that_failed_has_no_status() {
    let done = Completed {
        stdout: b"7\n000\nhttp://h/x\n0\n".to_vec(),
        stderr: b"curl: (7) Failed to connect\n".to_vec(),
        ..Completed::default()
    };
    let failure = answered(json!({}), &done).unwrap_err();
    assert_eq!(
        failure.message(),
        "Status code was -1 and not [200]: Request failed: <urlopen error [Errno 111] Connection refused>"
    );
    assert_eq!(failure.result["status"], -1);
}

#[test]
fn an_answer_that_is_no_success_has_a_body_and_no_cookies() {
    let head = "HTTP/1.1 404 Not Found\r\nLocation: ../y\r\n\r\n";
    let stdout = format!("0\n404\nhttp://h/a/b\n{}\n{head}st", head.len());
    let done = Completed { stdout: stdout.into_bytes(), ..Completed::default() };
    let output = answered(json!({"status_code": [404]}), &done).unwrap();
    assert_eq!((&output.result["body"], output.result.get("cookies")), (&json!("st"), None));
    let failure = answered(json!({}), &done).unwrap_err();
    assert!(failure.result.get("body").is_none() && failure.result.get("content").is_none());
}

#[test]
fn what_sends_something_is_led_on_as_urllib_is() {
    let led = |status: u16, method: &str, place: &str| {
        let head = format!("HTTP/1.1 {status} Moved\r\nLocation: {place}\r\n\r\n");
        let stdout = format!("0\n{status}\nhttp://h/x\n{}\n{head}", head.len());
        let done = Completed { stdout: stdout.into_bytes(), ..Completed::default() };
        let headers = json!({"Content-Type": "a/b", "Authorization": "s", "X-A": "1"});
        let args =
            args(json!({"method": method, "follow_redirects": "all", "headers": headers, "body": "x"}));
        let next = Answer::read(&args, &done, 0, false).leads_to(&args)?;
        let names: Vec<String> = next.args.headers.keys().cloned().collect();
        Some((next.args.method.unwrap(), next.args.url, next.keeps_body, names.join(" ")))
    };
    let to = |method: &str, url: &str, keeps: bool, names: &str| {
        Some((method.to_string(), url.to_string(), keeps, names.to_string()))
    };
    assert_eq!(led(302, "POST", "/y"), to("GET", "http://h/y", false, "Authorization X-A"));
    assert_eq!(led(301, "PUT", "/y"), to("PUT", "http://h/y", false, "Authorization X-A"));
    assert_eq!(led(307, "POST", "http://i/y"), to("POST", "http://i/y", true, "Content-Type X-A"));
    assert_eq!(led(200, "POST", "/y"), None);
    assert_eq!(led(302, "GET", "/y"), None, "curl does it by itself");
}

#[test]
fn a_place_is_seen_from_its_address() {
    for (place, whole) in [
        ("/text", "http://h:1/text"),
        ("c", "http://h:1/a/c"),
        ("https://x/y", "https://x/y"),
        ("//x/y", "http://x/y"),
    ] {
        assert_eq!(answer::joined("http://h:1/a/b?q", place), whole);
    }
}

#[test]
fn a_form_with_files_is_written_as_python_writes_it() {
    let fields = json!({
        "text": "v\u{e9}", "page": {"content": "<p>", "filename": "/tmp/a.html", "mime_type": "text/html"},
        "blob": {"filename": "b.tar.gz"}, "plain": {"filename": "dir/c.txt", "multipart_encoding": "7or8bit"},
    });
    let content = |name: &str| Ok(if name.ends_with(".txt") { b"a\nb".to_vec() } else { vec![7; 60] });
    let written = body::multipart(fields.as_object().unwrap(), "==B==", false, &content).unwrap();
    let expected = "--==B==\r\nContent-Transfer-Encoding: base64\r\nContent-Type: application/gzip\r\n\
        Content-Disposition: form-data; name=\"blob\"; filename=\"b.tar.gz\"\r\n\r\n\
        BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH\r\nBwcH\r\n\r\n\
        --==B==\r\nContent-Type: text/html\r\nContent-Disposition: form-data; name=\"page\"; filename=\"a.html\"\r\n\r\n<p>\r\n\
        --==B==\r\nContent-Transfer-Encoding: 7bit\r\nContent-Type: text/plain\r\n\
        Content-Disposition: form-data; name=\"plain\"; filename=\"c.txt\"\r\n\r\na\r\nb\r\n\
        --==B==\r\nContent-Type: text/plain\r\nContent-Disposition: form-data; name=\"text\"\r\n\r\nv\u{e9}\r\n--==B==--\r\n";
    assert_eq!(String::from_utf8(written).unwrap(), expected);
    for (wrong, said) in [
        (json!({"a": {}}), "at least one of filename or content must be provided"),
        (json!({"a": 1}), "value must be a string, or mapping"),
        (json!({"a": {"filename": "b", "multipart_encoding": "x"}}), "multipart_encoding must be one of"),
    ] {
        let failure = body::multipart(wrong.as_object().unwrap(), "B", false, &content).unwrap_err();
        assert!(failure.message().starts_with(said), "{}", failure.message());
    }
}

#[test]
fn bytes_that_are_no_text_come_before_what_curl_is_told() {
    let args = args(json!({"method": "POST", "src": "f"}));
    let body = Body::of(&args, &|_| Ok(vec![0, 255])).unwrap();
    let command = request::command(&args, body.as_ref(), None).unwrap();
    assert!(command.script.contains("head -c 2 >") && command.script.contains("--data-binary @\"$d/u\""));
    assert!(command.stdin.unwrap().starts_with(&[0, 255]));
}

#[test]
fn a_login_is_taken_from_an_address_also_where_it_looks_like_the_host() {
    for (url, shown) in [
        ("http://u:p@h:1/x?y", "http://h:1/x?y"),
        ("http://h:p@h/", "http://h/"),
        ("http://h/x@y", "http://h/x@y"),
        ("http://u:p@h?q", "http://h?q"),
    ] {
        assert_eq!(answer::without_login(url), shown);
    }
}
