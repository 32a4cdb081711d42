//! Whether there is a program among files that a confined tool may read.
//!
//! A program that is not static needs its loader, and a loader starts any program that it can read: so there must be none
//! in what comes from a repository, packed or not.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

/// How programs begin on Linux.
const ELF: &[u8] = b"\x7fELF";
const GZIP: &[u8] = b"\x1f\x8b";
/// Of what an archive holds; one that holds more is taken for one that holds a program.
const MAX_UNPACKED: u64 = 256 << 20;

/// The first file below `directory` that is a program, or is packed and holds one.
pub(super) fn program_in(directory: &Path) -> io::Result<Option<PathBuf>> {
    let mut open = vec![directory.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(directory)? {
            let entry = entry?;
            let kind = entry.file_type()?;
            if kind.is_dir() {
                open.push(entry.path());
            } else if kind.is_file() && holds_program(&entry.path())? {
                return Ok(Some(entry.path()));
            }
        }
    }
    Ok(None)
}

fn holds_program(path: &Path) -> io::Result<bool> {
    let mut head = Vec::new();
    fs::File::open(path)?.take(4).read_to_end(&mut head)?;
    if head == ELF {
        return Ok(true);
    }
    if !head.starts_with(GZIP) {
        return Ok(false);
    }
    let mut unpacked = MultiGzDecoder::new(fs::File::open(path)?).take(MAX_UNPACKED);
    let mut window: Vec<u8> = Vec::new();
    let mut chunk = vec![0; 64 << 10];
    loop {
        match unpacked.read(&mut chunk) {
            Ok(0) => return Ok(unpacked.limit() == 0),
            Ok(read) => {
                window.extend(chunk.iter().take(read));
                // One archive in another is not looked into, and does not get there unpacked.
                if window.windows(ELF.len()).any(|bytes| *bytes == *ELF) {
                    return Ok(true);
                }
                let kept = window.len().saturating_sub(ELF.len() - 1);
                window.drain(..kept);
            }
            // What does not unpack here does not unpack elsewhere.
            Err(_) => return Ok(false),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    #[test]
    fn programs_are_found_packed_and_not() {
        let pack = |bytes: &[u8]| {
            let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
            packed.write_all(bytes).expect("bytes");
            packed.finish().expect("bytes")
        };
        let mut far = vec![b'x'; (64 << 10) - 2];
        far.extend(ELF);
        for (content, expected) in [
            (b"a: \x7fELF".to_vec(), false),
            (b"\x7fELF\x02".to_vec(), true),
            (pack(b"name: web"), false),
            (pack(&far), true),
            (b"\x1f\x8bno archive".to_vec(), false),
        ] {
            let place = tempfile::tempdir().expect("directory");
            let file = place.path().join("below/file");
            fs::create_dir(place.path().join("below")).expect("directory");
            fs::write(&file, &content).expect("file");
            let found = program_in(place.path()).expect("files");
            assert_eq!(found, expected.then_some(file), "{content:?}");
        }
    }
}
