-- The vocabulary of the other files. Every random choice is u('table.choice', n): a function of the seed, a word and a
-- row's number, so the result depends neither on threads nor on the order of work. DuckDB's own hash() may change
-- between versions; this is the 32-bit finaliser of MurmurHash3 in plain integer arithmetic. A macro writes its
-- arguments out wherever it names them, so what is named often should be a column: a CTE of its own, not an expression.

create macro salt(word, part) as (md5_number_lower(word || '|' || part || '|' || seed()) & 4294967295)::bigint;
-- The factors, above 2^31, are written less 2^32: the lower 32 bits are the same, and signed integers are multiplied
-- twice as fast. Up to 2^32 n fits, enough for 130 million deals.
create macro mixed(h, salt_b) as xor(xor(h, h >> 16) * -2048144789 & 4294967295, salt_b);
create macro share(h) as (xor(h, h >> 13) * -1028477387 & 4294967294)::double * pow(2, -32);
create macro u_salted(salt_a, salt_b, n) as share(mixed(xor(n::bigint, salt_a), salt_b));
create macro u(word, n) as u_salted(salt(word, 'a'), salt(word, 'b'), n);

-- one of a list, each as likely as the others
create macro pick(choices, x) as choices[1 + floor(x * len(choices))::integer];
-- The same, of words of the type word: as numbers they are copied and written twice as fast as texts.
create macro pick_word(choices, x) as pick(choices::word[], x);
-- mean 1, from 0.3 to 3.1, with a long tail to the right
create macro skewed(x) as 0.3 + 2.8 * pow(x, 3);
-- 1 .. size, the small numbers far more often
create macro ranked(size, x) as 1 + floor(size * pow(x, 1.8))::bigint;

-- ---- time ---------------------------------------------------------------------------------------------------------
create macro end_at() as timestamp '2026-07-01 00:00:00';    -- nothing that happened is later
create macro first_day() as date '2019-07-01';
create macro day_count() as end_at()::date - first_day();    -- seven years
create macro go_live() as timestamp '2025-01-01 00:00:00';
create macro quarter_count() as 28;
-- What the CRM changes: `after` from the go-live on, unless the company is unchanged.
create macro since_crm(moment, before, after) as case when crm_works() and moment >= go_live() then after else before end;

-- Counted in microseconds, which is three times as fast as adding an interval.
create macro add_days(moment, days) as make_timestamp(epoch_us(moment) + floor(86400 * (days))::bigint * 1000000);
create macro days_between(early, late) as (epoch(late) - epoch(early)) / 86400.0;
create macro known(moment) as case when moment < end_at() then moment end;
-- how much of the years has gone by
create macro elapsed(moment) as days_between(first_day()::timestamp, moment) / day_count();

create macro next_working_day(day) as
    day + case isodow(day) when 6 then 2 when 7 then 1 else 0 end;
-- office hours, most often around one o'clock: seconds of the day
create macro office_time(word, n) as
    floor(28800 + 18000 * (u(word || '.hour', n) + u(word || '.minute', n)));
-- Weeks are numbered from 1, the week of the first day.
create macro first_monday() as date_trunc('week', first_day())::timestamp;
create macro week_count() as days_between(first_monday(), end_at())::integer // 7 + 1;
create macro week_of(moment) as (epoch_us(moment) - epoch_us(first_monday())) // 604800000000 + 1;
-- One of the weeks that are whole. `weeks` are the quantiles of demand_weeks(), visit_weeks() or
-- support_weeks(): busy weeks get more of the shares x.
create macro week_at(weeks, x) as
    floor(weeks[1 + floor(520 * x)::integer]
          + (520 * x - floor(520 * x)) * (weeks[2 + floor(520 * x)::integer] - weeks[1 + floor(520 * x)::integer]));
-- office hours of a week, some on Saturdays
create macro moment_in_week(week, word, n) as
    make_timestamp(
        epoch_us(first_monday())
        + (((week - 1) * 7 + floor(5.3 * u(word || '.weekday', n))) * 86400 + office_time(word, n))::bigint * 1000000);
create macro moment_at_work(weeks, word, n) as moment_in_week(week_at(weeks, u(word, n)), word, n);
-- Records come in clumps: one in `share` of the groups of `size` rows shares the choices that are made by its clump.
create macro clump_of(word, n, size, share) as
    case when u(word || '.clump', n // size) < share then n // size * size else n end;

-- ---- what changes from week to week -------------------------------------------------------------------------------
-- `swings` are the weekly factors of one thing, such as win_swings(): see _swings.sql.
create macro swing(swings, moment) as swings[week_of(moment)];
-- a share whose odds swing
create macro swung(share, factor) as (share) * (factor) / (1 - (share) + (share) * (factor));

-- The last days of a quarter are busy: a third of what would be closed in the three weeks before its end waits for
-- them, and a third of what would be closed in the two weeks after it is hurried.
create macro quarter_rush(moment, x, earliest) as
    case
        when x < 0.35 and days_between(moment, date_trunc('quarter', moment) + interval 3 month) < 21
            then add_days(date_trunc('quarter', moment) + interval 3 month, -0.3 - 10 * x)
        when x > 0.65 and days_between(date_trunc('quarter', moment), moment) < 14
            and add_days(date_trunc('quarter', moment), -8) > earliest
            then add_days(date_trunc('quarter', moment), -0.3 - 10 * (1 - x))
        else moment
    end;
-- what people do at night or on a weekend waits, mostly, for the next morning of work
create macro at_work(moment, x) as
    case
        when x < 0.15 or (isodow(moment) < 6 and hour(moment) between 7 and 18) then moment
        else make_timestamp(
            epoch_us(next_working_day(moment::date + case when hour(moment) > 18 then 1 else 0 end))
            + (28800 + floor(7200 * x))::bigint * 1000000)
    end;

-- ---- who ----------------------------------------------------------------------------------------------------------
-- Users come in blocks of 20: 8 in sales, 3 in marketing, 7 in service, 2 others. Seats are counted in a department.
create macro desks(department) as
    case department when 'sales' then 8 when 'marketing' then 3 when 'service' then 7 else 2 end;
create macro seats(department) as n_users() // 20 * desks(department);
create macro seat(department, x) as ranked(seats(department), x);
-- Who does most of the work changes: over nine months all of it passes to the next seat, bit by bit.
create macro seat_on(department, x, moment, y) as
    1 + (seat(department, x) - 1 + floor(days_between(first_day()::timestamp, moment) / 270 + y)::bigint)
        % seats(department);
-- the head of the team stands in for who is not there yet, or not any more
create macro user_on(person, day) as
    case when day >= person.hired_on and day < coalesce(person.left_on, date '9999-12-31') then person.user_id
         else person.stand_in_id end;

-- The first accounts are customers already when the data begin. The others appear one after the other, so that
-- 'an account that exists by then' is a number below a share of them.
create macro base_account(x) as 1 + floor(n_base_accounts() * pow(x, 1.5))::bigint;
create macro later_account(moment, x) as
    n_base_accounts()
    + greatest(1, floor((n_accounts() - n_base_accounts()) * elapsed(moment) * (1 - 0.3 * x * x))::bigint);
create macro contact_of(account_n, x) as
    case when x < 0.35 and account_n + n_accounts() <= n_contacts() then account_n + n_accounts() else account_n end;

-- Campaigns: slots() of them in every quarter.
create macro campaign_on(moment, x) as
    ((year(moment) - year(first_day())) * 4 + quarter(moment) - quarter(first_day())) * slots() + 1 + floor(slots() * pow(x, 1.5))::bigint;

-- ---- people that do not exist -------------------------------------------------------------------------------------
create macro first_names() as
    ['Anna', 'Jürgen', 'Zoë', 'François', 'Mia', 'Élodie', 'Günther', 'Lukas', 'Chloé', 'Bärbel', 'Noël', 'Sophie',
     'Jörg', 'Maëlle', 'Emma', 'René', 'Käthe', 'Paul', 'Anaïs', 'Björn', 'Inès', 'Thomas', 'Hélène', 'Uwe'];
create macro last_names() as
    ['Müller', 'Schmidt', 'Lefèvre', 'Jäger', 'Berger', 'Groß', 'Durand', 'Schäfer', 'Petit', 'Béranger', 'Köhler',
     'Weiß', 'Moreau', 'Vogel', 'François', 'Böhm', 'Garçon', 'Keller', 'Krüger', 'Noël', 'Roth', 'Lambert', 'Löwe'];
-- Worked out once, as both lists are constants; taking the accents off every row's name would cost more than all else.
create macro plain(names) as
    string_split(replace(strip_accents(lower(array_to_string(names, ' '))), 'ß', 'ss'), ' ');
create macro first_name(word, n) as pick(first_names(), u(word || '.first', n));
create macro last_name(word, n) as pick(last_names(), u(word || '.last', n));
create macro both_names() as
    list_transform(range(len(first_names()) * len(last_names())),
                   lambda i: plain(first_names())[1 + i // len(last_names())] || '.'
                             || plain(last_names())[1 + i % len(last_names())]);
create macro email_of(word, n) as concat(
    both_names()[1 + floor(u(word || '.first', n) * len(first_names()))::integer * len(last_names())
                 + floor(u(word || '.last', n) * len(last_names()))::integer],
    n, pick(['@example.com', '@example.org', '@example.net'], u(word || '.mail', n)));
create macro company_words() as
    ['Müller', 'Nordlicht', 'Élan', 'Alpenblick', 'Grüne Welle', 'Castel', 'Süd', 'Rhône', 'Weitblick', 'Kontor',
     'Bleu Ciel', 'Hafen', 'Étoile', 'Bergmann', 'Vierländer', 'Val d’Or'];
create macro trades() as
    ['Technik', 'Logistik', 'Énergie', 'Maschinenbau', 'Santé', 'Handel', 'Bau', 'Conseil', 'Labor', 'Möbel', 'Optique',
     'Systeme'];
create macro legal_forms() as ['GmbH', 'AG', 'SARL', 'SA', 'KG', 'Ltd'];
create macro company_names() as
    list_transform(range(len(company_words()) * len(trades()) * len(legal_forms())),
                   lambda i: company_words()[1 + i // (len(trades()) * len(legal_forms()))] || ' '
                             || trades()[1 + i // len(legal_forms()) % len(trades())] || ' '
                             || legal_forms()[1 + i % len(legal_forms())]);
create macro company_name(n) as company_names()[
    1 + (floor(u('company.name', n) * len(company_words()))::integer * len(trades())
         + floor(u('company.trade', n) * len(trades()))::integer) * len(legal_forms())
    + floor(u('company.form', n) * len(legal_forms()))::integer];

create macro industry(word, n) as pick_word(
    ['manufacturing', 'logistics', 'retail', 'healthcare', 'construction', 'energy', 'software', 'public_sector'],
    pow(u(word || '.industry', n), 1.4));
create macro employee_count(word, n) as
    round(5 + 60 * u(word || '.size', n) + 3000 * pow(u(word || '.size', n), 7))::integer;

-- ---- what is sold -------------------------------------------------------------------------------------------------
create macro product_number(x) as 1 + floor(8 * pow(x, 1.3))::integer;
-- Money of the country. The rates drift nowhere, so dividing by the mean rate leaves the mean amount in EUR alone.
create macro mean_rate(currency) as
    case currency when 'EUR' then 1.0 when 'USD' then 0.92 when 'CHF' then 1.05 else 1.17 end;
create macro money(euros, currency) as round((euros) / mean_rate(currency), 2)::decimal(18, 2);

-- One list for all pipelines, as choosing between lists would copy one for every row.
create macro stage_count(pipeline) as case pipeline when 'renewal' then 3 when 'enterprise' then 6 else 5 end;
create macro stage_of(pipeline, stage_n) as
    (['review', 'offer', 'negotiation',
      'qualification', 'discovery', 'technical_fit', 'proposal', 'negotiation', 'contract',
      'qualification', 'discovery', 'proposal', 'negotiation', 'contract']::word[])
    [stage_n + case pipeline when 'renewal' then 0 when 'enterprise' then 3 else 9 end];
