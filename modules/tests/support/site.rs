//! A web server on loopback for the files of one directory: it answers GET with the file, 304 when the request says it
//! has one of the year 2033 already, and 404. It ends with the test.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// The server.
pub struct Site {
    address: SocketAddr,
    folder: Arc<Mutex<PathBuf>>,
}

impl Site {
    /// Starts it on a free port.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, folder) = (listener.local_addr().unwrap(), Arc::new(Mutex::new(PathBuf::new())));
        let served = Arc::clone(&folder);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let folder = served.lock().unwrap().clone();
                std::thread::spawn(move || answer(stream, &folder));
            }
        });
        Self { address, folder }
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Serves this directory from now on.
    pub fn serve(&self, folder: &Path) {
        *self.folder.lock().unwrap() = folder.to_path_buf();
    }
}

fn answer(mut stream: TcpStream, folder: &Path) {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
    let first = lines.next().unwrap_or_default();
    let headers: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
    let knows = headers
        .iter()
        .any(|line| line.to_lowercase().starts_with("if-modified-since:") && line.contains("2033"));
    let path = first.split(' ').nth(1).unwrap_or("/").split('?').next().unwrap_or("/");
    let file = std::fs::read(folder.join(path.trim_start_matches('/')));
    let (status, body) = match file {
        Ok(_) if knows => ("304 Not Modified", vec![]),
        Ok(bytes) => ("200 OK", bytes),
        Err(_) => ("404 File not found", b"no such file\n".to_vec()),
    };
    let head = format!(
        "HTTP/1.0 {status}\r\nContent-Type: application/octet-stream\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body));
}
