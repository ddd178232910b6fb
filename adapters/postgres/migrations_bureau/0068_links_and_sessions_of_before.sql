-- Links and sessions of the first desk, which had one account for everybody: since 0010 people have their own (desk_invitation,
-- desk_seat), and no program reads or writes these. What they held ended within hours. A bureau's old program is ended before the new one
-- starts (docs/runbooks/upgrade.md), and one of before 0010 starts on no later schema.

DROP TABLE desk_link, desk_session;
