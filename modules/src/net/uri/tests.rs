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
    let command = request::command(&args(more)).unwrap();
    (command.script, String::from_utf8(command.stdin.unwrap().to_vec()).unwrap())
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
    assert!(request::command(&args(json!({"headers": {"a": "b\nc: d"}}))).is_err());
}

#[test]
fn the_answer_has_the_keys_of_ansible() {
    let head = "HTTP/1.1 302 Found\r\nLocation: /y\r\n\r\nHTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\
        X-Two: a\r\nX-Two: b\r\nSet-Cookie: k=v; Path=/\r\nContent-Length: 8\r\n\r\n";
    let stdout = format!("0\n200\nhttp://h/y\n1\n{}\n{head}{{\"a\": 1}}", head.len());
    let done = Completed { stdout: stdout.into_bytes(), ..Completed::default() };
    let output = answer(&args(json!({})), &done, 0).unwrap();
    let expected = json!({
        "redirected": true, "url": "http://h/y", "status": 200, "content_type": "application/json", "x_two": "a, b",
        "set_cookie": "k=v; Path=/", "content_length": "8", "cookies_string": "k=v", "cookies": {"k": "v"},
        "msg": "OK (8 bytes)", "elapsed": 0, "changed": false, "json": {"a": 1},
    });
    assert_eq!(Json::Object(output.result), expected);
    let failure = answer(&args(json!({"status_code": [204]})), &done, 0).unwrap_err();
    assert_eq!(failure.message(), "Status code was 200 and not [204]: OK (8 bytes)");
}

#[test]
fn a_request_that_failed_has_no_status() {
    let done = Completed {
        stdout: b"7\n000\nhttp://h/x\n0\n0\n".to_vec(),
        stderr: b"curl: (7) Failed to connect\n".to_vec(),
        ..Completed::default()
    };
    let failure = answer(&args(json!({})), &done, 0).unwrap_err();
    assert_eq!(
        failure.message(),
        "Status code was -1 and not [200]: Request failed: <urlopen error [Errno 111] Connection refused>"
    );
    assert_eq!(failure.result["status"], -1);
}

#[test]
fn an_answer_that_is_no_success_has_a_body_and_no_cookies() {
    let head = "HTTP/1.1 404 Not Found\r\nLocation: ../y\r\n\r\n";
    let stdout = format!("0\n404\nhttp://h/a/b\n0\n{}\n{head}st", head.len());
    let done = Completed { stdout: stdout.into_bytes(), ..Completed::default() };
    let output = answer(&args(json!({"status_code": [404]})), &done, 0).unwrap();
    assert_eq!((&output.result["body"], output.result.get("cookies")), (&json!("st"), None));
    let failure = answer(&args(json!({})), &done, 0).unwrap_err();
    assert!(failure.result.get("body").is_none() && failure.result.get("content").is_none());
}

#[test]
fn a_place_is_seen_from_its_address() {
    for (place, whole) in [
        ("/text", "http://h:1/text"),
        ("c", "http://h:1/a/c"),
        ("https://x/y", "https://x/y"),
        ("//x/y", "http://x/y"),
    ] {
        assert_eq!(joined("http://h:1/a/b?q", place), whole);
    }
}
