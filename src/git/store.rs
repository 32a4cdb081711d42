//! Where objects come from: what this process made, then the repository's and the shadow's object directories.
//!
//! Previews must not write to disk, yet what one reader makes must be readable by every other (they live on other
//! threads), and must be there when it is committed. So merged blobs and trees stay in memory, shared by all readers of
//! a repository, until a commit needs them.

use std::collections::HashMap;
use std::io::Read;
use std::sync::{Arc, PoisonError, RwLock};

use gix::objs::{Data, Exists, Find, FindHeader, Header, Kind, Write};

use super::Oid;

/// The blobs and trees made by this process.
#[derive(Default)]
pub(super) struct Made(RwLock<HashMap<Oid, Object>>);

type Object = (Kind, Arc<[u8]>);

impl Made {
    pub(super) fn get(&self, id: &gix::oid) -> Option<(Kind, Arc<[u8]>)> {
        let made = self.0.read().unwrap_or_else(PoisonError::into_inner);
        made.get(id).cloned()
    }

    fn contains(&self, id: &gix::oid) -> bool {
        let made = self.0.read().unwrap_or_else(PoisonError::into_inner);
        made.contains_key(id)
    }

    fn put(&self, id: Oid, kind: Kind, bytes: &[u8]) {
        let mut made = self.0.write().unwrap_or_else(PoisonError::into_inner);
        made.entry(id).or_insert_with(|| (kind, bytes.into()));
    }
}

/// One thread's view of all objects. Writing goes to memory.
pub(super) struct Objects {
    pub(super) disk: gix::OdbHandle,
    pub(super) made: Arc<Made>,
    pub(super) hash: gix::hash::Kind,
}

impl Objects {
    /// What need not be on disk: the objects made here, and the empty tree, which git knows without storing it.
    fn memory(&self, id: &gix::oid) -> Option<(Kind, Arc<[u8]>)> {
        if *id == *Oid::empty_tree(self.hash) {
            return Some((Kind::Tree, Arc::default()));
        }
        self.made.get(id)
    }
}

impl Find for Objects {
    fn try_find<'a>(
        &self,
        id: &gix::oid,
        buffer: &'a mut Vec<u8>,
    ) -> gix::Result<Option<Data<'a>>> {
        let Some((kind, bytes)) = self.memory(id) else {
            return self.disk.try_find(id, buffer);
        };
        buffer.clear();
        buffer.extend_from_slice(&bytes);
        Ok(Some(Data {
            kind,
            object_hash: id.kind(),
            data: buffer,
        }))
    }
}

impl FindHeader for Objects {
    fn try_header(&self, id: &gix::oid) -> gix::Result<Option<Header>> {
        match self.memory(id) {
            Some((kind, bytes)) => Ok(Some(Header {
                kind,
                size: bytes.len() as u64,
            })),
            None => FindHeader::try_header(&self.disk, id),
        }
    }
}

impl Exists for Objects {
    fn exists(&self, id: &gix::oid) -> bool {
        self.memory(id).is_some() || self.disk.exists(id)
    }
}

impl Write for Objects {
    fn write_buf(&self, kind: Kind, bytes: &[u8]) -> gix::Result<Oid> {
        let id = gix::objs::compute_hash(self.hash, kind, bytes)?;
        self.write_buf_with_known_id(kind, bytes, id)
    }

    fn write_buf_with_known_id(&self, kind: Kind, bytes: &[u8], id: Oid) -> gix::Result<Oid> {
        if !self.made.contains(&id) && !self.disk.exists_without_refresh(&id) {
            self.made.put(id, kind, bytes);
        }
        Ok(id)
    }

    fn write_stream(&self, kind: Kind, _size: u64, from: &mut dyn Read) -> gix::Result<Oid> {
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes)
            .map_err(gix::Error::from_error)?;
        self.write_buf(kind, &bytes)
    }

    fn write_stream_with_known_id(
        &self,
        kind: Kind,
        _size: u64,
        from: &mut dyn Read,
        id: Oid,
    ) -> gix::Result<Oid> {
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes)
            .map_err(gix::Error::from_error)?;
        self.write_buf_with_known_id(kind, &bytes, id)
    }
}
