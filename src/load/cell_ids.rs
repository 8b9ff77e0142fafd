//! The ids of a cell under construction, in the order they came, and a table that finds them. Pure.
//!
//! An id is held once: what waits to be admitted is the end of the list. The table holds places and not ids, so that it is
//! half of what a hash set takes, and the places of many ids are touched before the first is looked up: they lie far apart,
//! and the processor fetches them all at once.

use crate::warehouse::IdSet;
use crate::warehouse::id::mixed;

/// Ids that are looked up together.
const FEW: usize = 32;
/// Bits of a slot that hold an id's place plus one; those above hold bits of its hash, so that hardly any other id is
/// looked at. 0 is free.
const PLACE: u64 = (1 << 40) - 1;
const FIRST_SLOTS: usize = 64;

/// See the module.
#[derive(Default)]
pub struct CellIds {
    ids: Vec<u128>,
    /// A power of two, at most three quarters of them taken.
    slots: Vec<u64>,
    /// Ids that are on the list and no longer of the cell.
    gone: IdSet,
}

impl CellIds {
    /// Makes room for so many more.
    pub fn reserve(&mut self, more: usize) {
        self.ids.reserve(more);
        self.make_slots(more);
    }

    /// How many came.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Those that came after the first `from`, in order.
    pub fn since(&self, from: usize) -> &[u128] {
        self.ids.get(from..).unwrap_or_default()
    }

    /// Adds ids; for each, whether the cell did not have it.
    pub fn insert_all(&mut self, ids: &[u128]) -> Vec<bool> {
        let mut are_new = Vec::with_capacity(ids.len());
        for few in ids.chunks(FEW) {
            self.make_slots(few.len());
            let mask = self.slots.len() - 1;
            let slot = |id: &u128| self.slots.get(mixed(*id) as usize & mask);
            std::hint::black_box(few.iter().filter_map(slot).fold(0, |all, slot| all ^ slot));
            are_new.extend(few.iter().map(|id| self.insert_into_room(*id)));
        }
        are_new
    }

    /// Adds an id; whether the cell did not have it.
    pub fn insert(&mut self, id: u128) -> bool {
        self.make_slots(1);
        self.insert_into_room(id)
    }

    fn insert_into_room(&mut self, id: u128) -> bool {
        let hash = mixed(id);
        let mask = self.slots.len() - 1;
        let new = hash & !PLACE | (self.ids.len() as u64 + 1);
        let mut at = hash as usize & mask;
        while let Some(slot) = self.slots.get_mut(at) {
            if *slot == 0 {
                *slot = new;
                break;
            }
            let is_like_it = (*slot ^ hash) & !PLACE == 0;
            if is_like_it && self.ids.get(((*slot & PLACE) as usize).wrapping_sub(1)) == Some(&id) {
                if !self.gone.remove(&id) {
                    return false;
                }
                *slot = new;
                break;
            }
            at = (at + 1) & mask;
        }
        if self.ids.len() == self.ids.capacity() {
            // The room was about right: twice as much would be for nothing.
            self.ids.reserve_exact(self.ids.len() / 8 + FEW);
        }
        self.ids.push(id);
        true
    }

    /// Gives up the table that finds ids, until another is added.
    pub fn rest(&mut self) {
        self.slots = Vec::new();
    }

    /// Takes an id out: should it come again, it is new.
    pub fn remove(&mut self, id: u128) {
        self.gone.insert(id);
    }

    /// The ids that are left.
    pub fn into_ids(self) -> Vec<u128> {
        let CellIds { mut ids, gone, .. } = self;
        if !gone.is_empty() {
            ids.retain(|id| !gone.contains(id));
        }
        ids
    }

    /// Makes slots for so many more ids: a table that grows is made anew, in the order of the ids.
    fn make_slots(&mut self, more: usize) {
        let all = self.ids.len() + more;
        if all <= self.slots.len() / 4 * 3 {
            return;
        }
        let size = (all + all / 3 + 1).next_power_of_two().max(FIRST_SLOTS);
        self.slots.clear();
        self.slots.resize(size, 0);
        for (place, id) in self.ids.iter().enumerate() {
            let hash = mixed(*id);
            let mut at = hash as usize & (size - 1);
            while self.slots.get(at).is_some_and(|slot| *slot != 0) {
                at = (at + 1) & (size - 1);
            }
            if let Some(slot) = self.slots.get_mut(at) {
                *slot = hash & !PLACE | (place as u64 + 1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::warehouse::id_key;

    #[test]
    fn an_id_is_new_once_also_after_growing_and_among_its_like() {
        // Counted ids, ids as they come, and ids whose hashes are all the same.
        let likes: [fn(u128) -> u128; 3] = [|n| n, |n| id_key(&n.to_string()), |n| n << 64 | n];
        for like in likes {
            for (reserved, some) in [(0, 1), (0, 1_000), (3_000, 700)] {
                let mut ids = CellIds::default();
                ids.reserve(reserved);
                let all: Vec<u128> = (0..2_000).map(like).collect();
                for part in all.chunks(some) {
                    assert!(ids.insert_all(part).iter().all(|is_new| *is_new));
                }
                assert!(ids.insert_all(&all).iter().all(|is_new| !*is_new) && !ids.insert(all[7]));
                assert_eq!(ids.since(1_990), &all[1_990..]);
                assert_eq!((ids.len(), ids.into_ids()), (2_000, all));
            }
        }
    }

    #[test]
    fn several_of_one_id_that_come_together_are_one() {
        assert_eq!(CellIds::default().insert_all(&[5, 5, 6, 5]), [true, false, true, false]);
    }

    #[test]
    fn ids_are_found_again_after_a_rest_and_take_little_more_room_than_they_need() {
        let mut ids = CellIds::default();
        let all: Vec<u128> = (0..5_000).map(|n| id_key(&n.to_string())).collect();
        ids.reserve(4_900);
        ids.insert_all(&all);
        assert!(ids.ids.capacity() < 6_000, "{}", ids.ids.capacity());
        ids.remove(all[3]);
        ids.rest();
        assert!(ids.slots.capacity() == 0 && ids.len() == 5_000);
        assert_eq!(ids.insert_all(&all[..5]), [false, false, false, true, false]);
        assert_eq!(ids.since(5_000), [all[3]]);
    }

    #[test]
    fn an_id_that_was_taken_out_may_come_again() {
        let mut ids = CellIds::default();
        ids.insert_all(&[1, 2, 3]);
        ids.remove(2);
        ids.remove(3);
        assert!(ids.insert(2) && !ids.insert(2) && !ids.insert(1));
        assert_eq!(ids.since(3), [2]);
        let mut left = ids.into_ids();
        left.sort_unstable();
        left.dedup();
        assert_eq!(left, [1, 2]);
    }
}
