with

-- Of several teams the primary one, else the first by name.
primary_teams as (
    select
        owner_team.owner_id,
        arg_min(
            coalesce(team.name, owner_team.name),
            (not coalesce(owner_team.is_primary, false), coalesce(team.name, owner_team.name))
        ) as team
    from owner_team
    left join team on owner_team.team_id = team.team_id
    group by owner_team.owner_id
)

select
    owner.owner_id as user_id,
    nullif(concat_ws(' ', owner.first_name, owner.last_name), '') as name,
    owner.email,
    primary_teams.team
from owner
left join primary_teams on owner.owner_id = primary_teams.owner_id
