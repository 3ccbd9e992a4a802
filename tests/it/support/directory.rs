//! A real directory: a slapd of our own with its own configuration, mdb in a temporary folder, on free ports of the
//! loopback interface. It ends with the value.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fmt::Write as _;
use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The top of the tree.
pub const SUFFIX: &str = "dc=example,dc=org";
/// May do everything, without limits.
pub const ADMIN: &str = "cn=admin,dc=example,dc=org";
/// The administrator's password.
pub const PASSWORD: &str = "canary-directory-password";
/// An account that limits apply to, with the same password (see [`DirectoryBuilder::configure`]).
pub const READER: &str = "cn=reader,dc=example,dc=org";

/// The tree that every directory begins with.
const TREE: &str = "\
dn: dc=example,dc=org
objectClass: dcObject
objectClass: organization
o: Example
dc: example

dn: ou=people,dc=example,dc=org
objectClass: organizationalUnit
ou: people

dn: ou=groups,dc=example,dc=org
objectClass: organizationalUnit
ou: groups

dn: cn=reader,dc=example,dc=org
objectClass: applicationProcess
objectClass: simpleSecurityObject
cn: reader
userPassword: canary-directory-password

";

/// A running slapd.
pub struct Directory {
    folder: TempDir,
    server: Child,
    port: u16,
    secure_port: Option<u16>,
}

/// How a directory is to be.
#[derive(Default)]
pub struct DirectoryBuilder {
    ldif: String,
    global: String,
    database: String,
    certificate_names: Option<String>,
}

impl DirectoryBuilder {
    /// Entries to begin with, loaded before the server starts: fast.
    pub fn entries(mut self, ldif: &str) -> Self {
        self.ldif.push_str(ldif);
        self.ldif.push('\n');
        self
    }

    /// Lines of slapd.conf(5) for the database, such as limits.
    pub fn configure(mut self, lines: &str) -> Self {
        self.database.push_str(lines);
        self.database.push('\n');
        self
    }

    /// Lines of slapd.conf(5) for the server.
    pub fn configure_server(mut self, lines: &str) -> Self {
        self.global.push_str(lines);
        self.global.push('\n');
        self
    }

    /// Does not tell what product it is, as other servers do: its stamps of whole seconds have to do.
    pub fn anonymous(mut self) -> Self {
        self.global.push_str("access to dn.exact=\"\" attrs=objectClass by * search\naccess to * by * read\n");
        self
    }

    /// Offers content synchronization (RFC 4533), with a log of so many changes of this session.
    pub fn synchronized(mut self, log: usize) -> Self {
        self.global.push_str("moduleload syncprov\n");
        self.configure(&format!("index entryCSN eq\noverlay syncprov\nsyncprov-sessionlog {log}"))
    }

    /// Offers StartTLS and LDAPS with a certificate for these names (`DNS:localhost,IP:127.0.0.1`), from a CA of its
    /// own (see [`Directory::ca_file`]).
    pub fn certificate_for(mut self, names: &str) -> Self {
        self.certificate_names = Some(names.to_owned());
        self
    }

    /// Starts it and waits until it answers.
    pub fn start(self) -> Directory {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let database = folder.path().join("data");
        std::fs::create_dir(&database).expect("a folder for the database");
        let mut global = self.global;
        if let Some(names) = &self.certificate_names {
            make_certificate(folder.path(), names);
            // Whoever has a certificate may show it.
            global.push_str("TLSVerifyClient try\n");
            for (directive, file) in [
                ("TLSCACertificateFile", "ca.pem"),
                ("TLSCertificateFile", "server.pem"),
                ("TLSCertificateKeyFile", "server.key"),
            ] {
                writeln!(global, "{directive} {}", folder.path().join(file).display()).unwrap();
            }
        }
        let configuration = folder.path().join("slapd.conf");
        let text = format!(
            "include /etc/ldap/schema/core.schema\n\
             include /etc/ldap/schema/cosine.schema\n\
             include /etc/ldap/schema/inetorgperson.schema\n\
             modulepath /usr/lib/ldap\n\
             moduleload back_mdb\n\
             {global}\
             database mdb\n\
             suffix {SUFFIX}\n\
             rootdn {ADMIN}\n\
             rootpw {PASSWORD}\n\
             directory {}\n\
             maxsize 1073741824\n\
             dbnosync\n\
             index objectClass,entryUUID,uid,member eq\n\
             access to attrs=userPassword by anonymous auth by * none\n\
             access to * by * read\n\
             {}",
            database.display(),
            self.database,
        );
        std::fs::write(&configuration, text).expect("slapd.conf");
        slapadd(&configuration, &format!("{TREE}{}", self.ldif));
        let socket = socket_of(folder.path());
        let (server, port, secure_port) = start_slapd(&configuration, &socket, self.certificate_names.is_some());
        Directory { folder, server, port, secure_port }
    }
}

impl Directory {
    /// A directory with the empty branches `ou=people` and `ou=groups`.
    pub fn start() -> Self {
        Self::builder().start()
    }

    /// A directory of some other kind.
    pub fn builder() -> DirectoryBuilder {
        DirectoryBuilder::default()
    }

    /// `ldap://127.0.0.1:PORT`
    pub fn url(&self) -> String {
        self.url_of("127.0.0.1")
    }

    /// The same server by another name of this machine.
    pub fn url_of(&self, host: &str) -> String {
        format!("ldap://{host}:{}", self.port)
    }

    /// `ldaps://HOST:PORT`; only with a certificate.
    pub fn secure_url_of(&self, host: &str) -> String {
        format!("ldaps://{host}:{}", self.secure_port.expect("a directory with a certificate"))
    }

    /// `ldapi://…`, its socket.
    pub fn socket_url(&self) -> String {
        socket_of(self.folder.path())
    }

    /// TCP port without TLS.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// A certificate of `cn=muster` from its CA, and the key.
    pub fn client_certificate(&self) -> (PathBuf, PathBuf) {
        let folder = self.folder.path();
        openssl(
            folder,
            "req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=muster -keyout client.key -out client.csr",
        );
        std::fs::write(folder.join("usage"), "keyUsage=digitalSignature\n").unwrap();
        openssl(
            folder,
            "x509 -req -in client.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile usage -out client.pem",
        );
        (folder.join("client.pem"), folder.join("client.key"))
    }

    /// The CA that its certificate is from.
    pub fn ca_file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// Adds entries.
    pub fn load(&self, ldif: &str) {
        self.run("ldapadd", &[], ldif);
    }

    /// Applies LDIF change records.
    pub fn modify(&self, ldif: &str) {
        self.run("ldapmodify", &[], ldif);
    }

    /// Gives an entry another name in its place: `uid=new`.
    pub fn rename(&self, dn: &str, rdn: &str) {
        self.run("ldapmodrdn", &["-r", dn, rdn], "");
    }

    /// Removes an entry.
    pub fn delete(&self, dn: &str) {
        self.run("ldapdelete", &[dn], "");
    }

    /// Stops the server and starts it again, at the same address.
    pub fn restart(&mut self) {
        self.signal(Signal::SIGTERM);
        let _ = self.server.wait();
        let configuration = self.folder.path().join("slapd.conf");
        let address = format!("ldap://127.0.0.1:{} {}", self.port, self.socket_url());
        self.server = spawn_slapd(&configuration, &address);
        assert!(answers(&mut self.server, self.port), "slapd did not start again at {address}");
    }

    /// Stops answering without closing anything, as a hanging server does.
    pub fn pause(&self) {
        self.signal(Signal::SIGSTOP);
    }

    /// Goes on after [`pause`](Self::pause).
    pub fn resume(&self) {
        self.signal(Signal::SIGCONT);
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.server.id() as i32), signal).expect("the directory is running");
    }

    fn run(&self, tool: &str, arguments: &[&str], input: &str) {
        let mut command = Command::new(tool);
        command.args(["-x", "-H", &self.url(), "-D", ADMIN, "-w", PASSWORD]).args(arguments);
        feed(&mut command, input);
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// Users and groups as an organization has them.
pub struct Organization {
    /// How many users.
    pub users: usize,
    /// How many groups.
    pub groups: usize,
    /// How many of the users are in the first group, `all staff`.
    pub staff: usize,
}

impl Organization {
    /// 2,000 users, 60 groups of which each holds the next tenth one, one group of 1,600 members.
    pub fn company() -> Self {
        Self { users: 2000, groups: 60, staff: 1600 }
    }

    /// The entries.
    pub fn ldif(&self) -> String {
        let mut ldif = String::new();
        for user in 0..self.users {
            let (given, family) = (GIVEN_NAMES[user % GIVEN_NAMES.len()], FAMILY_NAMES[user % FAMILY_NAMES.len()]);
            write!(
                ldif,
                "dn: {}\nobjectClass: inetOrgPerson\nuid: u{user:05}\ngivenName: {given}\nsn: {family}\n\
                 cn: {given} {family} {user}\nmail: u{user:05}@example.org\ntelephoneNumber: +49 30 {user:07}\n\n",
                user_dn(user)
            )
            .unwrap();
        }
        for group in 0..self.groups {
            write!(ldif, "dn: {}\nobjectClass: groupOfNames\ncn: group{group:02}\n", group_dn(group)).unwrap();
            for member in self.members(group) {
                writeln!(ldif, "member: {member}").unwrap();
            }
            ldif.push('\n');
        }
        ldif
    }

    /// Who is in a group: users, and the group ten further on.
    pub fn members(&self, group: usize) -> Vec<String> {
        let users = if group == 0 { self.staff } else { 10 + group };
        let first = if group == 0 { 0 } else { group * 7 };
        let nested = (group + 10 < self.groups).then(|| group_dn(group + 10));
        (first..first + users).map(|user| user_dn(user % self.users)).chain(nested).collect()
    }
}

/// The name of a user's entry.
pub fn user_dn(user: usize) -> String {
    format!("uid=u{user:05},ou=people,{SUFFIX}")
}

/// The name of a group's entry.
pub fn group_dn(group: usize) -> String {
    format!("cn=group{group:02},ou=groups,{SUFFIX}")
}

const GIVEN_NAMES: &[&str] = &["Ada", "Grace", "Alan", "Edsger", "Barbara", "Donald", "Katherine"];
const FAMILY_NAMES: &[&str] = &["Lovelace", "Hopper", "Turing", "Dijkstra", "Liskov", "Knuth", "Johnson", "Perlman"];

fn slapd() -> &'static str {
    let places = ["/usr/sbin/slapd", "/usr/local/sbin/slapd", "/usr/libexec/slapd"];
    places.into_iter().find(|place| Path::new(place).exists()).expect("slapd: apt-get install slapd ldap-utils")
}

fn slapadd(configuration: &Path, ldif: &str) {
    let mut command = Command::new(slapd());
    command.args(["-T", "add", "-q", "-f"]).arg(configuration);
    feed(&mut command, ldif);
}

fn feed(command: &mut Command, input: &str) {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}; apt-get install slapd ldap-utils"));
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().unwrap();
    let _ = writer.join().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A port may be taken between looking and using it: then with others.
fn start_slapd(configuration: &Path, socket: &str, secure: bool) -> (Child, u16, Option<u16>) {
    for _ in 0..10 {
        let port = free_port();
        let secure_port = secure.then(free_port);
        let mut addresses = format!("ldap://127.0.0.1:{port} {socket}");
        if let Some(port) = secure_port {
            write!(addresses, " ldaps://127.0.0.1:{port}").unwrap();
        }
        let mut server = spawn_slapd(configuration, &addresses);
        if answers(&mut server, port) {
            return (server, port, secure_port);
        }
        let _ = server.kill();
        let _ = server.wait();
    }
    panic!("slapd did not start: {}", std::fs::read_to_string(configuration).unwrap());
}

fn socket_of(folder: &Path) -> String {
    format!("ldapi://{}", folder.join("ldapi").display().to_string().replace('/', "%2F"))
}

fn spawn_slapd(configuration: &Path, addresses: &str) -> Child {
    let mut command = Command::new(slapd());
    command.args(["-d", "0", "-h", addresses, "-f"]).arg(configuration).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().expect("slapd")
}

/// Waits until it answers; false if it ended instead.
fn answers(server: &mut Child, port: u16) -> bool {
    let deadline = Instant::now() + Duration::from_secs(20);
    while Instant::now() < deadline && server.try_wait().unwrap().is_none() {
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    false
}

fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

/// `ca.pem`, `server.pem` and `server.key` in the folder.
pub fn make_certificate(folder: &Path, names: &str) {
    std::fs::write(folder.join("names"), format!("subjectAltName={names}\n")).unwrap();
    openssl(
        folder,
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=Test-CA -keyout ca.key -out \
         ca.pem -addext keyUsage=critical,keyCertSign",
    );
    openssl(
        folder,
        "req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=directory -keyout server.key -out \
         server.csr",
    );
    openssl(
        folder,
        "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names -out server.pem",
    );
}

fn openssl(folder: &Path, arguments: &str) {
    let output =
        Command::new("openssl").args(arguments.split_whitespace()).current_dir(folder).output().expect("openssl");
    assert!(output.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&output.stderr));
}
