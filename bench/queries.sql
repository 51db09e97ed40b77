-- @load
create or replace table ev as
select customer::uinteger as customer, "at", event::enum('tp-00','tp-01','tp-02','tp-03','tp-04','tp-05','tp-06','tp-07',
'tp-08','tp-09','tp-10','tp-11','tp-12','tp-13','tp-14','tp-15','tp-16','tp-17','tp-18','tp-19','tp-20','tp-21','tp-22',
'tp-23','tp-24','tp-25','tp-26','tp-27','tp-28','tp-29','tp-30','tp-31','tp-32','tp-33','tp-34','tp-35','tp-36','tp-37',
'tp-38','tp-39','tp-40','tp-41','tp-42','tp-43','tp-44','tp-45','tp-46','tp-47','tp-48','tp-49','tp-50','tp-51','tp-52',
'tp-53','tp-54','tp-55','tp-56','tp-57','tp-58','tp-59','tp-60','tp-61','tp-62','tp-63') as event,
channel::enum('web','app','phone','chat','email','store','social','partner') as channel, nps::tinyint as nps,
amount::integer as amount, duration::uinteger as duration
from read_csv('$file', header = true, columns = {'customer': 'uinteger', 'at': 'timestamp', event: 'varchar',
channel: 'varchar', nps: 'tinyint', amount: 'integer', duration: 'uinteger'})
order by customer, "at"
-- @scores
with d as (select event, channel, date_trunc('month', "at") m, count(nps) k, count(*) filter (nps >= 9) p,
count(*) filter (nps <= 6) d from ev group by all)
select event::varchar, channel::varchar, strftime(m, '%Y-%m') m, k::integer, 100.0 * (p - d) / k nps,
196 * sqrt(((p + d) / k - ((p - d) / k) ** 2) / k) half from d where k > 0 order by 1, 2, 3
-- @gap
with x as (select event, channel, date_trunc('month', "at") m,
greatest(-1, least(1, (nps - 7) / 5.0)) g, nps >= 7 kept, 'recommends' e from ev where nps is not null
union all select event, channel, date_trunc('month', "at") m,
greatest(-1, least(1, (30000 - duration::integer) / 30000.0)) g, duration <= 30000 kept, 'quick' e from ev)
select event::varchar, e, channel::varchar, strftime(m, '%Y-%m') m, count(*)::integer n, avg(g) gap,
1.96 * stddev_samp(g) / sqrt(count(*)) half, (count(*) filter (kept))::integer kept
from x group by all order by 1, 2, 3, 4
