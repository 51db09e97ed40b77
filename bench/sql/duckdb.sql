-- DuckDB 1.5. The table is sorted by (cust, ts); FROM with one table, WHERE, and window functions with an empty OVER
-- keep that order (DuckDB's manual, "Order Preservation"), so journeys are read with streaming windows instead of
-- PARTITION BY cust ORDER BY ts, which sorts anew: paths in half the time, flow in a quarter.
-- @load
create table ev as select customer as cust, "at" as ts, touchpoint as tp, channel as ch, kind, score, amount, duration as dur
from read_csv('$file', header = true, columns = {customer: 'uinteger', 'at': 'bigint', touchpoint: 'utinyint',
channel: 'utinyint', kind: 'utinyint', score: 'tinyint', amount: 'integer', duration: 'uinteger'})
order by cust, ts;
checkpoint
-- Lost: running maxima in three window functions, partitioned (2 x) or streaming over keys of customer and time (2.5 x).
-- @funnel
with a as (select cust, ts from ev where tp = 3),
b as (select e.cust, e.ts, a.ts s from (select cust, ts from ev where tp = 4) e
  asof join a on e.cust = a.cust and e.ts >= a.ts where e.ts - a.ts <= 604800000),
c as (select e.cust, e.ts, b.s from (select cust, ts from ev where tp = 5) e
  asof join b on e.cust = b.cust and e.ts >= b.ts where e.ts - b.s <= 604800000),
d as (select e.cust from (select cust, ts from ev where tp = 6) e
  asof join c on e.cust = c.cust and e.ts >= c.ts where e.ts - c.s <= 604800000)
select (select count(distinct cust) from a), (select count(distinct cust) from b),
  (select count(distinct cust) from c), (select count(distinct cust) from d)
-- @paths
with x as (select cust, ts, tp, lag(ts) over () pts, lag(tp) over () ptp, lag(cust) over () pc from ev),
y as (select tp, (pc is null or pc <> cust or ts - pts > 1800000) ns from x
  where pc is null or pc <> cust or ts - pts > 1800000 or tp <> ptp),
z as (select tp, ns, lead(tp, 1) over () t1, lead(tp, 2) over () t2, lead(tp, 3) over () t3, lead(tp, 4) over () t4,
  lead(ns, 1) over () n1, lead(ns, 2) over () n2, lead(ns, 3) over () n3, lead(ns, 4) over () n4 from y),
k as (select (tp + 1)::bigint a, case when n1 = false then t1 + 1 else 0 end b,
  case when n1 = false and n2 = false then t2 + 1 else 0 end c,
  case when n1 = false and n2 = false and n3 = false then t3 + 1 else 0 end d,
  case when n1 = false and n2 = false and n3 = false and n4 = false then t4 + 1 else 0 end e from z where ns),
g as (select (a | (b::bigint << 7) | (c::bigint << 14) | (d::bigint << 21) | (e::bigint << 28)) ky, count(*) n
  from k group by 1)
select array_to_string(list_filter([(ky & 127) - 1, ((ky >> 7) & 127) - 1, ((ky >> 14) & 127) - 1,
  ((ky >> 21) & 127) - 1, ((ky >> 28) & 127) - 1], lambda v: v >= 0), '>') p, n from g order by n desc, p limit 20
-- Lost: grouping by both touch points in one number (1.1 x).
-- @flow
select a, b, count(*) n, avg(g) m from (select tp a, lead(tp) over () b, lead(ts) over () - ts g, cust c,
  lead(cust) over () d from ev) where c = d group by 1, 2
-- Lost: grouping by day before month (1.4 x); counting all rows and filtering inside of the aggregates (5 x).
-- @scores
select tp, ch, m, k, 100.0 * (p - d) / k, s / k, 100 * sqrt(((p + d) / k - ((p - d) / k) ** 2) / k)
from (select tp, ch, year(epoch_ms(ts)) * 100 + month(epoch_ms(ts)) m, count(*) k, sum(score)::double s,
  count(*) filter (score >= 9) p, count(*) filter (score <= 6) d from ev where score is not null group by 1, 2, 3)
-- Lost: one bit per week by log2 (1.1 x); first and repeated weeks by streaming windows (1.6 x).
-- @retention
with f as (select cust, min(ts) t, bit_or(1::bigint << ((ts - 1736121600000) // 604800000)) m from ev group by cust),
g as (select (t - 1736121600000) // 604800000 fw, m, count(*) n from f group by 1, 2)
select fw, o, sum(n)::bigint from g, range(0, 28) r(o) where (m >> (fw + o)) & 1 = 1 group by 1, 2
-- Lost: numbering the purchases and joining on the next number (1.5 x).
-- @effect
with p as (select cust, ts from ev where kind = 3),
s as (select cust, ts, score >= 9 hi from ev where score <= 3 or score >= 9)
select case when hi then 'high' else 'low' end, count(*), count(*) filter (p.ts - s.ts <= 2592000000)
from s asof left join p on s.cust = p.cust and s.ts < p.ts group by 1
-- Lost: grouping by day before month (1.2 x).
-- @gap
with g as (select tp, ch, year(epoch_ms(ts)) * 100 + month(epoch_ms(ts)) m, count(*) n,
  avg(greatest(-1, (30000.0::double - dur) / 30000)) q, count(*) filter (dur <= 30000) qk, count(score) k,
  avg(greatest(-1, (score - 7) / 5.0::double)) filter (score is not null) r, count(*) filter (score >= 7) rk
  from ev group by 1, 2, 3)
select tp, 'quick', ch, m, n, q, qk from g
union all select tp, 'recommends', ch, m, k, r, rk from g where k > 0
-- @journey
select * from ev where cust = $customer order by ts
