//! The people: who shares an address with whom, whose profile is merged into which other, who asks to be forgotten.
//!
//! What is kept per user is small (an address and two numbers); the rest follows from the user's number.

use super::dice::{Dice, draw, hex8, mix, pick, scale};
use super::words::{FIRST_NAMES, LAST_NAMES, MAILBOXES, PLACES, Place};

/// Never.
pub const NEVER: u32 = u32::MAX;

/// One profile.
#[derive(Debug, Clone, Copy)]
struct User {
    /// Where its address begins in the text of all addresses.
    address_at: u32,
    /// And its length.
    address_len: u8,
    mailbox: u8,
    /// From when on the profile is gone (merged or deleted), seconds since 1970.
    gone: u32,
    /// The survivor of the merge.
    heir: Option<u32>,
}

/// All profiles.
#[derive(Debug)]
pub struct Population {
    seed: u64,
    users: Vec<User>,
    addresses: String,
}

/// Most profiles; memory stays below 100 MB.
const MOST_USERS: u64 = 1_000_000;
/// Every so many-th profile shares the address and the phone of its predecessor.
const SHARED_EVERY: u32 = 41;

impl Population {
    /// As many profiles as an export of that size and length makes believable.
    pub fn new(seed: u64, events: u64, start: u32, hours: u32) -> Population {
        let seed = mix(seed ^ 0x0b0e);
        let days = u64::from(hours / 24).max(1);
        let count = (events / 40).max(events / (12 * days)).clamp(60, MOST_USERS) as u32;
        let mut users = Vec::with_capacity(count as usize);
        let mut addresses = String::with_capacity(count as usize * 28);
        for number in 0..count {
            let user = match users.last() {
                Some(User { address_at, address_len, mailbox, .. }) if number % SHARED_EVERY == 1 => User {
                    address_at: *address_at,
                    address_len: *address_len,
                    mailbox: *mailbox,
                    gone: NEVER,
                    heir: None,
                },
                _ => {
                    let drawn = draw(seed, u64::from(number));
                    let mailbox = mailbox_of(drawn);
                    let at = addresses.len();
                    let names = (pick(FIRST_NAMES, drawn), pick(LAST_NAMES, drawn << 16));
                    addresses.push_str(&names.0.map_or("", |n| n).to_lowercase());
                    addresses.push('.');
                    addresses.push_str(&names.1.map_or("", |n| n).to_lowercase());
                    addresses.push_str(&number.to_string());
                    addresses.push('@');
                    addresses.push_str(MAILBOXES.get(usize::from(mailbox)).map_or("mail.example", |m| m.domain));
                    let len = addresses.len() - at;
                    User { address_at: at as u32, address_len: len as u8, mailbox, gone: NEVER, heir: None }
                }
            };
            users.push(user);
        }
        let mut population = Population { seed, users, addresses };
        population.part(start, hours);
        population
    }

    /// Decides who leaves. Survivors have higher numbers and leave later, so that chains of merges end.
    fn part(&mut self, start: u32, hours: u32) {
        let mut dice = Dice::new(self.seed ^ 0x6011e);
        let period = hours * 3600;
        for number in (0..self.len()).rev() {
            let gone = start + period / 10 + dice.below(period - period / 5);
            let chance = dice.below(1000);
            let distance = 1 + dice.below(40);
            let heir = self.users.get((number + distance) as usize).map(|u| u.gone);
            let Some(user) = self.users.get_mut(number as usize) else { continue };
            match heir {
                // One in thirty merges goes to a profile that is itself merged later.
                Some(NEVER) if chance < 14 => (user.gone, user.heir) = (gone, Some(number + distance)),
                Some(until) if until != NEVER && until > gone && chance < 200 => {
                    (user.gone, user.heir) = (gone, Some(number + distance))
                }
                _ if chance == 999 => user.gone = gone,
                _ => {}
            }
        }
    }

    /// How many profiles there are.
    pub fn len(&self) -> u32 {
        self.users.len() as u32
    }

    /// Those that leave: user, when, and the survivor unless the user asked to be deleted.
    pub fn leavers(&self) -> impl Iterator<Item = (u32, u32, Option<u32>)> {
        self.users.iter().enumerate().filter(|(_, u)| u.gone != NEVER).map(|(at, u)| (at as u32, u.gone, u.heir))
    }

    /// Whether the profile is still there.
    #[inline]
    pub fn is_there(&self, user: u32, time: u32) -> bool {
        self.users.get(user as usize).is_some_and(|u| time < u.gone)
    }

    /// A profile that is there at that time; low numbers are the busy ones.
    pub fn someone(&self, dice: &mut Dice, time: u32) -> u32 {
        let skewed = ((dice.bits() >> 32) * (dice.bits() >> 32)) >> 32;
        self.present(((skewed * u64::from(self.len())) >> 32) as u32, time)
    }

    /// The profile, its survivor, or the next one that is there.
    pub fn present(&self, user: u32, time: u32) -> u32 {
        let mut at = user;
        for _ in 0..64 {
            match self.users.get(at as usize) {
                Some(u) if time < u.gone => return at,
                Some(u) => at = u.heir.unwrap_or(at + 1),
                None => at = 0,
            }
        }
        at
    }

    /// The other profile with the same address, if there is one.
    pub fn sharer(&self, user: u32) -> Option<u32> {
        let other = match user % SHARED_EVERY {
            0 => user + 1,
            1 => user.checked_sub(1)?,
            _ => return None,
        };
        (other < self.len()).then_some(other)
    }

    /// Whether the profile is the one that a campaign reaches at its address.
    pub fn owns_address(&self, user: u32) -> bool {
        user % SHARED_EVERY != 1 || user == 0
    }

    /// The e-mail address.
    #[inline]
    pub fn address(&self, user: u32) -> &str {
        let Some(user) = self.users.get(user as usize) else { return "" };
        let at = user.address_at as usize;
        self.addresses.get(at..at + usize::from(user.address_len)).unwrap_or("")
    }

    /// Which mailbox provider.
    #[inline]
    pub fn mailbox(&self, user: u32) -> usize {
        self.users.get(user as usize).map_or(0, |u| usize::from(u.mailbox))
    }

    /// The number that everything else about the user follows from.
    #[inline]
    pub fn nature(&self, user: u32) -> u64 {
        draw(self.seed ^ 0x5e1f, u64::from(user))
    }

    /// Where the user lives.
    #[inline]
    pub fn place(&self, user: u32) -> Option<&'static Place> {
        pick(PLACES, self.nature(user) << 8)
    }

    /// Chances in a thousand that the user reads a message.
    pub fn interest(&self, user: u32) -> u32 {
        80 + scale(self.nature(user) << 4, 520)
    }

    /// How many devices: 0 to 3.
    pub fn devices(&self, user: u32) -> u8 {
        match self.nature(user) % 100 {
            0..12 => 0,
            12..70 => 1,
            70..93 => 2,
            _ => 3,
        }
    }

    /// The number that everything about a device follows from.
    #[inline]
    pub fn device(&self, user: u32, device: u8) -> u64 {
        draw(self.seed ^ 0xde71ce, (u64::from(user) << 3) | u64::from(device & 7))
    }

    /// The digits of a phone number after `+1555`; shared by those who share an address.
    pub fn phone(&self, user: u32) -> [u8; 7] {
        let owner = if self.owns_address(user) { user } else { user.saturating_sub(1) };
        let mut digits = [b'0'; 7];
        let mut rest = owner;
        for digit in digits.iter_mut().rev() {
            *digit = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
        digits
    }

    /// The customer's own id of the user: opaque, and missing for the anonymous.
    #[inline]
    pub fn external(&self, user: u32) -> Option<[u8; 16]> {
        let nature = self.nature(user);
        if nature >> 8 & 15 == 0 {
            return None;
        }
        let drawn = mix(nature ^ 0xe77);
        let mut text = *b"c-00000000000000";
        text[2..10].copy_from_slice(&hex8(user.wrapping_mul(0x9e37_79b1)));
        text[10..16].copy_from_slice(&hex8(drawn as u32)[2..8]);
        Some(text)
    }
}

fn mailbox_of(drawn: u64) -> u8 {
    let mut chance = scale(drawn << 24, MAILBOXES.iter().map(|m| m.share).sum());
    for (at, mailbox) in MAILBOXES.iter().enumerate() {
        if chance < mailbox.share {
            return at as u8;
        }
        chance -= mailbox.share;
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merges_end_and_some_go_through_another() {
        let population = Population::new(1, 2_000_000, 1_700_000_000, 24 * 14);
        let leavers: Vec<_> = population.leavers().collect();
        let heirs: std::collections::HashMap<u32, u32> = leavers.iter().filter_map(|l| Some((l.0, l.2?))).collect();
        assert!(heirs.len() > 100 && heirs.len() < leavers.len());
        assert!(heirs.values().any(|h| heirs.contains_key(h)), "no chain of merges");
        for (user, gone, heir) in &leavers {
            assert!(heir.is_none_or(|h| h > *user && population.is_there(h, *gone)));
            assert!(population.is_there(population.present(*user, *gone), *gone));
        }
    }

    #[test]
    fn a_few_share_an_address_and_a_phone() {
        let population = Population::new(1, 200_000, 1_700_000_000, 24 * 14);
        let shared: Vec<u32> = (0..population.len()).filter(|u| !population.owns_address(*u)).collect();
        assert!(shared.len() * 30 < population.len() as usize && shared.len() > 10);
        for user in shared {
            let other = population.sharer(user).unwrap();
            assert_eq!(population.address(user), population.address(other));
            assert_eq!(population.phone(user), population.phone(other));
            assert_ne!(population.external(user).or(Some([0; 16])), population.external(other));
        }
    }
}
