//! The company's directory: an OpenLDAP server of the demonstration's own, on the loopback interface, with its own
//! configuration and data in the demonstration's folder. It ends with the demonstration.

mod ldif;

use super::company::Company;
use anyhow::{Context as _, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long it may take to start or to stop.
const PATIENCE: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(20);

/// The directory, running or not.
pub(super) struct Directory {
    slapd: PathBuf,
    folder: PathBuf,
    /// The file that its password is written to.
    secret: PathBuf,
    server: Option<Child>,
}

impl Directory {
    /// The directory of `folder`, not running yet; its password will stand in the file `secret`. `None` where OpenLDAP's
    /// server is not installed.
    pub fn installed(folder: &Path, secret: &Path) -> anyhow::Result<Option<Self>> {
        let Some(slapd) = find_slapd() else { return Ok(None) };
        for folder in [Some(folder), secret.parent()].into_iter().flatten() {
            fs::create_dir_all(folder).with_context(|| format!("{} can't be made", folder.display()))?;
        }
        let directory = Self { slapd, folder: folder.to_owned(), secret: secret.to_owned(), server: None };
        directory.stop_stray();
        Ok(Some(directory))
    }

    /// Puts `company` in place of what the directory held, and starts it. Returns its port.
    pub fn become_of(&mut self, company: &Company) -> anyhow::Result<u16> {
        self.stop();
        let database = self.folder.join("data");
        if database.exists() {
            fs::remove_dir_all(&database)?;
        }
        fs::create_dir_all(&database)?;
        self.configure()?;
        let entries = self.folder.join("entries.ldif");
        write_private(&entries, &ldif::of(company))?;
        let loaded = Command::new(&self.slapd)
            .args(["-T", "add", "-q", "-f"])
            .arg(self.configuration())
            .arg("-l")
            .arg(&entries)
            .stdin(Stdio::null())
            .output()
            .with_context(|| format!("{} can't be run", self.slapd.display()))?;
        if !loaded.status.success() {
            bail!("the directory can't be loaded: {}", String::from_utf8_lossy(&loaded.stderr).trim());
        }
        self.start()
    }

    /// Starts it with what it holds. Returns its port: the one it had before, if that is free.
    pub fn start(&mut self) -> anyhow::Result<u16> {
        let before = fs::read_to_string(self.port_file()).ok().and_then(|port| port.trim().parse().ok());
        // A port may be taken between looking and using it: then another one.
        for attempt in 0..5 {
            let port = match before.filter(|_| attempt == 0) {
                Some(port) if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() => port,
                _ => TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port(),
            };
            if self.start_on(port)? {
                fs::write(self.port_file(), port.to_string())?;
                return Ok(port);
            }
        }
        bail!(
            "the directory does not start; run `{} -d 1 -f {}` to see why",
            self.slapd.display(),
            self.configuration().display()
        )
    }

    /// Stops it; what it holds stays.
    pub fn stop(&mut self) {
        let Some(mut server) = self.server.take() else { return };
        terminate(server.id());
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            if !matches!(server.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(POLL);
        }
        let _ = server.kill();
        let _ = server.wait();
    }

    fn start_on(&mut self, port: u16) -> anyhow::Result<bool> {
        let mut server = Command::new(&self.slapd)
            .args(["-d", "0", "-h", &format!("ldap://127.0.0.1:{port}"), "-f"])
            .arg(self.configuration())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Ctrl-C is for Muster, which then stops the directory in order.
            .process_group(0)
            .spawn()
            .with_context(|| format!("{} can't be run", self.slapd.display()))?;
        let began = Instant::now();
        while began.elapsed() < PATIENCE && server.try_wait()?.is_none() {
            if TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok() {
                self.server = Some(server);
                return Ok(true);
            }
            std::thread::sleep(POLL);
        }
        let _ = server.kill();
        let _ = server.wait();
        Ok(false)
    }

    /// Stops what a demonstration left running that was killed. The process is known by our configuration's path.
    fn stop_stray(&self) {
        let Ok(pid) = fs::read_to_string(self.pid_file()) else { return };
        let Ok(pid) = pid.trim().parse::<u32>() else { return };
        let configuration = self.configuration();
        let is_ours = || {
            fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| {
                line.split(|byte| *byte == 0).any(|argument| argument == configuration.as_os_str().as_encoded_bytes())
            })
        };
        let began = Instant::now();
        if is_ours() {
            terminate(pid);
        }
        while is_ours() && began.elapsed() < PATIENCE {
            std::thread::sleep(POLL);
        }
    }

    fn configure(&self) -> anyhow::Result<()> {
        let password = format!("{:032x}", rand::random::<u128>());
        write_private(&self.secret, &password)?;
        let schema = ["/etc/ldap/schema", "/etc/openldap/schema", "/usr/local/etc/openldap/schema"]
            .into_iter()
            .find(|folder| Path::new(folder).join("inetorgperson.schema").exists())
            .context("OpenLDAP's schema files are missing; reinstall slapd")?;
        let modules = Path::new("/usr/lib/ldap");
        let module = match modules.join("back_mdb.so").exists() {
            true => format!("modulepath {}\nmoduleload back_mdb\n", modules.display()),
            false => String::new(),
        };
        let configuration = format!(
            "include {schema}/core.schema\ninclude {schema}/cosine.schema\ninclude {schema}/inetorgperson.schema\n\
             {module}pidfile {pid}\ndatabase mdb\nsuffix {suffix}\nrootdn cn=muster,{suffix}\nrootpw {password}\n\
             directory {data}\nmaxsize 1073741824\nindex objectClass,entryUUID,uid,member eq\n\
             access to attrs=userPassword by anonymous auth by * none\naccess to * by * read\n",
            pid = self.pid_file().display(),
            suffix = ldif::SUFFIX,
            data = self.folder.join("data").display(),
        );
        write_private(&self.configuration(), &configuration)
    }

    fn configuration(&self) -> PathBuf {
        self.folder.join("slapd.conf")
    }

    fn pid_file(&self) -> PathBuf {
        self.folder.join("slapd.pid")
    }

    fn port_file(&self) -> PathBuf {
        self.folder.join("port")
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        self.stop();
    }
}

fn find_slapd() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let usual = ["/usr/sbin", "/usr/local/sbin", "/usr/libexec", "/usr/local/libexec", "/usr/lib/openldap"];
    std::env::split_paths(&path)
        .chain(usual.into_iter().map(PathBuf::from))
        .map(|folder| folder.join("slapd"))
        .find(|program| program.is_file())
}

fn terminate(pid: u32) {
    if let Ok(pid) = i32::try_from(pid) {
        let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
    }
}

/// Writes a file that only we can read: it holds the password, or names of people.
fn write_private(path: &Path, text: &str) -> anyhow::Result<()> {
    let write = || -> std::io::Result<()> {
        let mut file = OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(path)?;
        file.write_all(text.as_bytes())
    };
    write().with_context(|| format!("{} can't be written", path.display()))
}
