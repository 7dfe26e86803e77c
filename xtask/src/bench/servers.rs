//! Who serves the streams: nginx on the loopback device, and an origin of ours that is far away.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::streams::Streams;
use crate::command;
use crate::setup;

/// How long a server may take to listen.
const STARTING: Duration = Duration::from_secs(10);

/// Which of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Server {
    /// nginx, HTTP/1.1.
    Plain,
    /// nginx, HTTPS: HTTP/2 for those who speak it.
    Tls,
    /// 50 ms away, 2 MB/s a connection.
    Far,
    /// The same, and it answers 429 to the seventh at a time.
    Six,
}

/// Requests and connections so far.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counts {
    pub(super) requests: usize,
    pub(super) connections: usize,
}

/// All of them, until dropped.
#[derive(Debug)]
pub(super) struct Servers {
    nginx: Child,
    folder: PathBuf,
    plain: u16,
    tls: u16,
    origin: Mutex<Origin>,
}

#[derive(Debug)]
struct Origin {
    process: Child,
    ask: ChildStdin,
    answers: BufReader<ChildStdout>,
    url: String,
}

/// Finds a program that only the bench needs, or installs it.
///
/// # Errors
/// When it cannot be installed.
pub(super) fn ensure(program: &str, package: &str, purpose: &str) -> Result<()> {
    let is_missing = || command::find(program, &search_path()).is_none();
    if is_missing() {
        setup::apt_install(&[package])?;
    }
    if is_missing() {
        bail!("{program} is missing, which {purpose}. Debian, Ubuntu: sudo apt install {package}");
    }
    Ok(())
}

/// The version of nginx.
pub(super) fn nginx_version() -> String {
    let said = nginx()
        .arg("-v")
        .output()
        .map(|output| output.stderr)
        .unwrap_or_default();
    let said = String::from_utf8_lossy(&said).into_owned();
    said.trim().rsplit('/').next().unwrap_or("?").to_owned()
}

impl Servers {
    /// Starts them all; `origin` is the program of the far one.
    ///
    /// # Errors
    /// When one does not start.
    pub(super) fn start(bench: &Path, streams: &Streams, origin: &Path) -> Result<Self> {
        let folder = bench.join("nginx");
        fs::create_dir_all(folder.join("tmp"))?;
        fs::create_dir_all(streams.root())?;
        certificate(&folder)?;
        let [plain, tls] = free_ports()?;
        let config = folder.join("nginx.conf");
        fs::write(&config, nginx_config(&folder, streams.root(), plain, tls))?;
        let _ = fs::remove_file(folder.join("access.log"));
        let nginx = nginx()
            .arg("-e")
            .arg(folder.join("error.log"))
            .arg("-p")
            .arg(&folder)
            .arg("-c")
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .context("cannot start nginx")?;
        let mut servers = Self {
            nginx,
            folder,
            plain,
            tls,
            origin: Mutex::new(Origin::start(origin, streams.root())?),
        };
        servers.wait()?;
        Ok(servers)
    }

    fn wait(&mut self) -> Result<()> {
        let begin = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.tls)).is_err() {
            if self.nginx.try_wait()?.is_some() || begin.elapsed() > STARTING {
                let log = fs::read_to_string(self.folder.join("error.log")).unwrap_or_default();
                bail!("nginx does not listen: {log}");
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// Where a folder of streams is, with a slash at its end.
    pub(super) fn place(&self, server: Server, folder: &str) -> String {
        let base = match server {
            Server::Plain => format!("http://127.0.0.1:{}", self.plain),
            Server::Tls => format!("https://127.0.0.1:{}", self.tls),
            Server::Far => format!("{}/far", self.origin().url),
            Server::Six => format!("{}/six", self.origin().url),
        };
        format!("{base}/{folder}/")
    }

    /// Requests and connections so far.
    ///
    /// # Errors
    /// When they cannot be had.
    pub(super) fn counts(&self, server: Server) -> Result<Counts> {
        match server {
            Server::Far | Server::Six => self.origin().counts(),
            Server::Plain | Server::Tls => {
                let log = fs::read_to_string(self.folder.join("access.log")).unwrap_or_default();
                Ok(read_log(&log))
            }
        }
    }

    fn origin(&self) -> std::sync::MutexGuard<'_, Origin> {
        self.origin
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        // TERM, so that the worker ends too; KILL would leave it.
        let _ = nginx()
            .arg("-e")
            .arg(self.folder.join("error.log"))
            .arg("-p")
            .arg(&self.folder)
            .arg("-c")
            .arg(self.folder.join("nginx.conf"))
            .args(["-s", "stop"])
            .stderr(Stdio::null())
            .status();
        let _ = self.nginx.wait();
    }
}

impl Origin {
    fn start(program: &Path, folder: &Path) -> Result<Self> {
        let mut process = Command::new(program)
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let (ask, answers) = process
            .stdin
            .take()
            .zip(process.stdout.take())
            .context("no pipes")?;
        let mut origin = Self {
            process,
            ask,
            answers: BufReader::new(answers),
            url: String::new(),
        };
        origin.url = origin.line()?;
        Ok(origin)
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        Ok(line.trim().to_owned())
    }

    fn counts(&mut self) -> Result<Counts> {
        writeln!(self.ask)?;
        let line = self.line()?;
        let (requests, connections) = line.split_once(' ').context("the origin does not count")?;
        Ok(Counts {
            requests: requests.parse()?,
            connections: connections.parse()?,
        })
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The certificate that clients are told to trust.
pub(super) fn authority(bench: &Path) -> PathBuf {
    bench.join("nginx/ca.pem")
}

/// An authority and a certificate of its for this machine, made once.
fn certificate(folder: &Path) -> Result<()> {
    if folder.join("server.pem").exists() {
        return Ok(());
    }
    let request = || {
        let mut openssl = Command::new("openssl");
        openssl
            .current_dir(folder)
            .args([
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:prime256v1",
            ])
            .args(["-nodes", "-days", "3650"])
            .stderr(Stdio::null());
        openssl
    };
    command::run(request().args([
        "-subj",
        "/CN=Weir's benchmark",
        "-keyout",
        "ca.key",
        "-out",
        "ca.pem",
    ]))?;
    command::run(
        request()
            .args(["-subj", "/CN=127.0.0.1", "-CA", "ca.pem", "-CAkey", "ca.key"])
            .args(["-addext", "subjectAltName=IP:127.0.0.1"])
            .args(["-addext", "basicConstraints=critical,CA:FALSE"])
            .args(["-keyout", "server.key", "-out", "server.pem"]),
    )
}

fn nginx() -> Command {
    let path = search_path();
    Command::new(command::find("nginx", &path).unwrap_or_else(|| "nginx".into()))
}

/// Debian has it where only root's `PATH` goes.
fn search_path() -> std::ffi::OsString {
    let sbin = ["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from);
    command::path_with(sbin).unwrap_or_default()
}

/// Ports that nobody listens on now.
fn free_ports() -> Result<[u16; 2]> {
    let listeners = [
        TcpListener::bind(("127.0.0.1", 0))?,
        TcpListener::bind(("127.0.0.1", 0))?,
    ];
    let [one, other] = &listeners;
    Ok([one.local_addr()?.port(), other.local_addr()?.port()])
}

fn nginx_config(folder: &Path, root: &Path, plain: u16, tls: u16) -> String {
    let (folder, root) = (folder.display(), root.display());
    // Its worker reads what this user has made.
    let user = if command::is_root() { "user root;" } else { "" };
    format!(
        "daemon off; {user} worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log;\n\
         events {{ worker_connections 1024; }}\n\
         http {{\n\
           types {{ application/vnd.apple.mpegurl m3u8; video/mp2t ts; video/mp4 mp4 m4s; }}\n\
           default_type application/octet-stream;\n\
           sendfile on; tcp_nopush on; tcp_nodelay on;\n\
           keepalive_requests 1000000; keepalive_timeout 60s;\n\
           log_format counts '$connection';\n\
           access_log {folder}/access.log counts;\n\
           client_body_temp_path {folder}/tmp/body; proxy_temp_path {folder}/tmp/proxy;\n\
           fastcgi_temp_path {folder}/tmp/fastcgi; uwsgi_temp_path {folder}/tmp/uwsgi; scgi_temp_path {folder}/tmp/scgi;\n\
           root {root};\n\
           server {{ listen 127.0.0.1:{plain}; }}\n\
           server {{ listen 127.0.0.1:{tls} ssl http2;\n\
             ssl_certificate {folder}/server.pem; ssl_certificate_key {folder}/server.key; }}\n\
         }}\n"
    )
}

/// A line a request: the number of its connection.
fn read_log(log: &str) -> Counts {
    let mut connections: Vec<&str> = log.lines().collect();
    let requests = connections.len();
    connections.sort_unstable();
    connections.dedup();
    Counts {
        requests,
        connections: connections.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_counted() {
        let Counts {
            requests,
            connections,
        } = read_log("1\n2\n1\n3\n");
        assert_eq!((requests, connections), (4, 3));
    }

    #[test]
    fn the_configuration_names_ports_and_folders() {
        let config = nginx_config(Path::new("/b/nginx"), Path::new("/b/streams"), 1234, 5678);
        for part in [
            "127.0.0.1:1234;",
            "127.0.0.1:5678 ssl http2;",
            "root /b/streams;",
            "/b/nginx/server.pem",
        ] {
            assert!(config.contains(part), "{part}");
        }
        assert_eq!(config.matches('{').count(), config.matches('}').count());
    }
}
