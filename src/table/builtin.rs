//! The definitions compiled into the binary: every file of `table_defs/`.

/// Each file's name and text.
pub const FILES: &[(&str, &str)] = &[
    ("agent.toml", include_str!("../../table_defs/agent.toml")),
    ("banner.toml", include_str!("../../table_defs/banner.toml")),
    ("behavior.toml", include_str!("../../table_defs/behavior.toml")),
    ("campaign.toml", include_str!("../../table_defs/campaign.toml")),
    ("canvas.toml", include_str!("../../table_defs/canvas.toml")),
    ("columns.toml", include_str!("../../table_defs/columns.toml")),
    ("contentcard.toml", include_str!("../../table_defs/contentcard.toml")),
    ("contentoptimizer.toml", include_str!("../../table_defs/contentoptimizer.toml")),
    ("email.toml", include_str!("../../table_defs/email.toml")),
    ("featureflag.toml", include_str!("../../table_defs/featureflag.toml")),
    ("inappmessage.toml", include_str!("../../table_defs/inappmessage.toml")),
    ("landingpage.toml", include_str!("../../table_defs/landingpage.toml")),
    ("line.toml", include_str!("../../table_defs/line.toml")),
    ("liveactivity.toml", include_str!("../../table_defs/liveactivity.toml")),
    ("newsfeed.toml", include_str!("../../table_defs/newsfeed.toml")),
    ("profile.toml", include_str!("../../table_defs/profile.toml")),
    ("push.toml", include_str!("../../table_defs/push.toml")),
    ("rcs.toml", include_str!("../../table_defs/rcs.toml")),
    ("sms.toml", include_str!("../../table_defs/sms.toml")),
    ("subscription.toml", include_str!("../../table_defs/subscription.toml")),
    ("survey.toml", include_str!("../../table_defs/survey.toml")),
    ("user.toml", include_str!("../../table_defs/user.toml")),
    ("webhook.toml", include_str!("../../table_defs/webhook.toml")),
    ("whatsapp.toml", include_str!("../../table_defs/whatsapp.toml")),
];

#[cfg(test)]
mod tests {
    #[test]
    fn no_file_of_the_folder_is_forgotten() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("table_defs");
        let mut there: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .filter(|n| n.ends_with(".toml"))
            .collect();
        there.sort();
        assert_eq!(there, super::FILES.iter().map(|(n, _)| n.to_string()).collect::<Vec<_>>());
    }
}
