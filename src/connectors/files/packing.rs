//! Files that come packed: gzip, and zip with one file in it. They are unpacked as they are read, in bounded memory.
//!
//! A small file can unpack to more than any machine holds. So what comes out is held against what went in: beyond
//! [`HARMLESS`] bytes it may be [`LARGEST_RATIO`] times as much, and [`LARGEST`] in all. A file that was cut off, or does
//! not unpack to what its checksum says, is refused. The names in an archive choose a file; nothing is ever written, so
//! they are no paths.

use super::fault::Fault;
use super::pattern;
use super::source::SourceReader;
use flate2::bufread::{DeflateDecoder, MultiGzDecoder};
use std::cell::Cell;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::rc::Rc;
use zip::ZipArchive;

/// Up to here nothing is held against anything.
const HARMLESS: u64 = 64 << 20;
/// What text of people and groups never reaches: deflate makes up to 1,030 times less of what is all the same.
const LARGEST_RATIO: u64 = 200;
/// The most one packed file may unpack to.
const LARGEST: u64 = 16 << 30;

/// The methods of a zip archive that are read.
const STORED: u16 = 0;
const DEFLATED: u16 = 8;

/// What a file holds.
pub(super) struct Unpacked {
    /// Its content.
    pub(super) content: Box<dyn Read>,
    /// What the file in the archive is called.
    pub(super) member: Option<String>,
}

/// Unpacks a file that is packed, by its first bytes; others pass as they are. `member`: which file of a zip archive,
/// where there are several.
pub(super) fn unpack(mut file: SourceReader, name: &str, member: Option<&str>) -> Result<Unpacked, Fault> {
    let mut start = Vec::with_capacity(4);
    file.by_ref().take(4).read_to_end(&mut start)?;
    let lower = name.to_ascii_lowercase();
    if start.starts_with(&[0x1F, 0x8B]) {
        let packed = Counted::new(io::Cursor::new(start).chain(file));
        let count = packed.count();
        let content = MultiGzDecoder::new(BufReader::with_capacity(64 << 10, packed));
        return Ok(Unpacked { content: Box::new(Expanding::new(content, count, "gzip")), member: None });
    }
    // An archive without a file begins with its end.
    if start.starts_with(b"PK\x03\x04") || start.starts_with(b"PK\x05\x06") {
        let archive = Archive::open(BufReader::new(file.read_through()?))?;
        let chosen = archive.choose(member)?;
        let content = archive.read(&chosen)?;
        return Ok(Unpacked { content: Box::new(content), member: Some(plain(&chosen.name)) });
    }
    for (ending, kind) in [(".gz", "gzip"), (".zip", "zip")] {
        if lower.ends_with(ending) {
            let message =
                format!("does not begin like a {kind} file, as its name says; it may be cut off or half-written");
            return Err(Fault::Whole(message));
        }
    }
    if member.is_some() {
        return Err(Fault::Whole("is no zip archive, but the table's member says which file of one it is".into()));
    }
    Ok(Unpacked { content: Box::new(io::Cursor::new(start).chain(file)), member: None })
}

/// Refuses an archive whose files unpack to more than `most` bytes in all, or are damaged. `look` sees each of them, by
/// name.
pub(super) fn check_archive(
    archive: &[u8],
    most: u64,
    look: impl Fn(&str, &mut dyn Read) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let mut whole = Archive::open(io::Cursor::new(archive))?;
    let mut bytes = 0_u64;
    for member in std::mem::take(&mut whole.members) {
        let content = Archive { source: io::Cursor::new(archive), members: Vec::new() }.read(&member)?;
        let mut content = Counted::new(content.take(most + 1 - bytes));
        look(&plain(&member.name), &mut content)?;
        io::copy(&mut content, &mut io::sink())?;
        bytes += content.count.get();
        if bytes > most {
            let message = format!("unpacks to more than {} MiB; send it as CSV, which has no such limit", most >> 20);
            return Err(Fault::Whole(message));
        }
    }
    Ok(())
}

/// A zip archive: where its files stand.
struct Archive<R> {
    source: R,
    members: Vec<Member>,
}

/// A file in an archive.
#[derive(Clone)]
struct Member {
    name: String,
    start: u64,
    packed: u64,
    unpacked: u64,
    crc: u32,
    method: u16,
    is_encrypted: bool,
}

impl<R: Read + Seek + 'static> Archive<R> {
    fn choose(&self, wanted: Option<&str>) -> Result<Member, Fault> {
        let names = || self.members.iter().take(10).map(|one| plain(&one.name)).collect::<Vec<_>>().join(", ");
        let mut fitting: Vec<&Member> = match wanted {
            Some(wanted) => self.members.iter().filter(|one| pattern::fits(wanted, &one.name)).collect(),
            None => self.members.iter().collect(),
        };
        fitting.sort_by(|one, other| one.name.cmp(&other.name));
        match (fitting.as_slice(), wanted) {
            ([one], _) => Ok((*one).clone()),
            ([.., before, last], Some(_)) if before.name != last.name => Ok((*last).clone()),
            ([], Some(wanted)) => {
                Err(Fault::Whole(format!("there is no file {wanted:?} in the archive; there are {}", names())))
            }
            ([], None) => Err(Fault::Whole("there is no file in the archive".into())),
            _ => {
                let message = format!("there are several files in the archive: {}; say which: member = \"…\"", names());
                Err(Fault::Whole(message))
            }
        }
    }
}

impl<R: Read + Seek> Archive<R> {
    fn open(source: R) -> Result<Self, Fault> {
        let broken = |error: zip::result::ZipError| match error {
            zip::result::ZipError::Io(error) if error.kind() != io::ErrorKind::UnexpectedEof => Fault::from(error),
            error => Fault::Whole(format!("is no whole zip archive ({error}); it may be cut off")),
        };
        let mut archive = ZipArchive::new(source).map_err(broken)?;
        let mut members = Vec::new();
        for index in 0..archive.len() {
            let file = archive.by_index_raw(index).map_err(broken)?;
            let name = String::from_utf8_lossy(file.name_raw()).into_owned();
            // What macOS adds is about files, and no file of its own.
            if file.is_dir() || name.starts_with("__MACOSX/") || name.ends_with(".DS_Store") {
                continue;
            }
            members.push(Member {
                start: file.data_start().ok_or_else(|| Fault::Whole("is no whole zip archive".into()))?,
                packed: file.compressed_size(),
                unpacked: file.size(),
                crc: file.crc32(),
                method: method(file.compression()),
                is_encrypted: file.encrypted(),
                name,
            });
        }
        Ok(Self { source: archive.into_inner(), members })
    }

    fn read(mut self, member: &Member) -> Result<Expanding<Checked<R>>, Fault> {
        if member.is_encrypted {
            return Err(Fault::Whole("is encrypted; send it without a password".into()));
        }
        self.source.seek(SeekFrom::Start(member.start))?;
        let packed = Counted::new(self.source.take(member.packed));
        let count = packed.count();
        let packed = BufReader::with_capacity(64 << 10, packed);
        let content = match member.method {
            STORED => Content::Stored(packed),
            DEFLATED => Content::Deflated(DeflateDecoder::new(packed)),
            _ => return Err(Fault::Whole("is packed in a way that is not read; pack it as usual (deflate)".into())),
        };
        let checked = Checked { content, sum: flate2::Crc::new(), bytes: 0, expected: (member.crc, member.unpacked) };
        Ok(Expanding::new(checked, count, "zip"))
    }
}

fn method(method: zip::CompressionMethod) -> u16 {
    match method {
        zip::CompressionMethod::Stored => STORED,
        zip::CompressionMethod::Deflated => DEFLATED,
        _ => u16::MAX,
    }
}

/// A name for messages: whatever stands in it, it stays on one line.
fn plain(name: &str) -> String {
    name.chars().map(|c| if c.is_control() { '\u{FFFD}' } else { c }).take(200).collect()
}

enum Content<R> {
    Stored(BufReader<Counted<io::Take<R>>>),
    Deflated(DeflateDecoder<BufReader<Counted<io::Take<R>>>>),
}

/// A file of an archive, held against its length and checksum.
struct Checked<R> {
    content: Content<R>,
    sum: flate2::Crc,
    bytes: u64,
    expected: (u32, u64),
}

impl<R: Read> Read for Checked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = match &mut self.content {
            Content::Stored(content) => content.read(buffer)?,
            Content::Deflated(content) => content.read(buffer)?,
        };
        if read == 0 && !buffer.is_empty() && (self.sum.sum(), self.bytes) != self.expected {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "length and checksum are not what the archive says",
            ));
        }
        self.sum.update(&buffer[..read]);
        self.bytes += read as u64;
        Ok(read)
    }
}

/// Counts what passes.
struct Counted<R> {
    inner: R,
    count: Rc<Cell<u64>>,
}

impl<R> Counted<R> {
    fn new(inner: R) -> Self {
        Self { inner, count: Rc::default() }
    }

    fn count(&self) -> Rc<Cell<u64>> {
        Rc::clone(&self.count)
    }
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.count.set(self.count.get() + read as u64);
        Ok(read)
    }
}

/// What comes out of a packed file, held against what went in.
struct Expanding<R> {
    inner: R,
    packed: Rc<Cell<u64>>,
    unpacked: u64,
    kind: &'static str,
}

impl<R> Expanding<R> {
    fn new(inner: R, packed: Rc<Cell<u64>>, kind: &'static str) -> Self {
        Self { inner, packed, unpacked: 0, kind }
    }
}

impl<R: Read> Read for Expanding<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let packed = self.packed.get();
        let read = match self.inner.read(buffer) {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                let message = format!(
                    "the {} data ends here too early, after {packed} packed bytes; it may be cut off",
                    self.kind
                );
                return Err(Fault::Here(message).into());
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput) => {
                return Err(match Fault::from(error) {
                    Fault::Io(error) => Fault::Here(format!(
                        "the {} data is damaged here, within {packed} packed bytes: {error}",
                        self.kind
                    )),
                    fault => fault,
                }
                .into());
            }
            Err(error) => return Err(error),
        };
        self.unpacked += read as u64;
        if self.unpacked > LARGEST {
            let message = format!("unpacks to more than {} GiB; send it in parts, or unpacked", LARGEST >> 30);
            return Err(Fault::Here(message).into());
        }
        if self.unpacked > HARMLESS && self.unpacked / LARGEST_RATIO > self.packed.get() {
            let message = format!(
                "unpacks to more than {LARGEST_RATIO} times its size ({} bytes from {}); a feed never does. If it is \
                 right, send it unpacked",
                self.unpacked,
                self.packed.get()
            );
            return Err(Fault::Here(message).into());
        }
        Ok(read)
    }
}
