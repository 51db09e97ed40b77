-- ClickHouse 18.16, Debian's. No window functions, no common table expressions, max_threads = 2.
-- Empty fields are 0 to this version, not null, so texts come in and a view makes numbers of them, block by block.
-- @load
create table ev (cust UInt32, ts UInt64, tp UInt8, ch UInt8, kind UInt8, score Nullable(UInt8), amount Nullable(Int32),
dur UInt32) engine = MergeTree order by (cust, ts);
create table feed (customer UInt32, at UInt64, touchpoint UInt8, channel UInt8, kind UInt8, score String, amount String,
duration UInt32) engine = Null;
create materialized view feeder to ev as select customer as cust, at as ts, touchpoint as tp, channel as ch, kind,
if(score = '', NULL, toUInt8OrZero(score)) as score, if(amount = '', NULL, toInt32OrZero(amount)) as amount,
duration as dur from feed;
insert into feed format CSVWithNames;
optimize table ev final
-- @size
select sum(bytes_on_disk) from system.parts where active and table = 'ev'
-- windowFunnel takes DateTime and UInt32 here, and keeps 31 bits of it: ticks of 8 ms since the first Monday are exact.
-- @funnel
select countIf(l >= 1), countIf(l >= 2), countIf(l >= 3), countIf(l >= 4) from (
  select cust, windowFunnel(75600000)(toUInt32(intDiv(ts - 1736121600000, 8)), tp = 3, tp = 4, tp = 5, tp = 6) l
  from ev where tp between 3 and 6 group by cust)
-- @paths
select arrayStringConcat(arrayMap(x -> toString(x), path), '>') p, count() n from (
  select groupArray(5)(z) path from (select cust, sid, z from (
    select cust, arraySort(groupArray(bitOr(bitShiftLeft(ts, 8), toUInt64(tp)))) e,
      arrayMap(x -> bitShiftRight(x, 8), e) t, arrayMap(x -> toUInt8(bitAnd(x, 63)), e) p,
      arrayMap((a, b) -> a - b > 1800000, t, arrayPushFront(arrayPopBack(t), toUInt64(0))) ns,
      arrayMap((n, a, b) -> n or a != b, ns, p, arrayPushFront(arrayPopBack(p), toUInt8(255))) keep, arrayCumSum(ns) ss
    from ev group by cust)
  array join arrayFilter((x, k) -> k, p, keep) as z, arrayFilter((x, k) -> k, ss, keep) as sid) group by cust, sid)
group by path order by n desc, p limit 20
-- Lost: three parallel arrays instead of one number per pair (1.5 x).
-- @flow
select intDiv(k, 64) a, k % 64 b, n, m from (
  select toUInt16(bitAnd(x, 63) * 64 + bitAnd(y, 63)) k, count() n, avg(bitShiftRight(y, 8) - bitShiftRight(x, 8)) m from (
    select arraySort(groupArray(bitOr(bitShiftLeft(ts, 8), toUInt64(tp)))) e, arrayPopBack(e) ex, arrayPopFront(e) ey
    from ev group by cust having length(e) > 1) array join ex as x, ey as y group by k)
-- @scores
select tp, ch, m, k, 100.0 * (p - d) / k, mean, 100 * sqrt(((p + d) / k - pow((p - d) / k, 2)) / k) from (
  select tp, ch, toYYYYMM(toDateTime(intDiv(ts, 1000))) m, count() k, avg(assumeNotNull(score)) mean,
    toInt64(countIf(assumeNotNull(score) >= 9)) p, toInt64(countIf(assumeNotNull(score) <= 6)) d
  from ev prewhere isNotNull(score) group by tp, ch, m)
-- @retention
select fw, o, sum(n) from (select fw, m, count() n from (
  select toUInt32(intDiv(min(ts) - 1736121600000, 604800000)) fw,
    groupBitOr(toUInt64(bitShiftLeft(toUInt64(1), toUInt8(intDiv(ts - 1736121600000, 604800000))))) m
  from ev group by cust) group by fw, m)
array join range(28) as o where bitAnd(bitShiftRight(m, fw + o), 1) = 1 group by fw, o
-- @effect
select if(hi, 'high', 'low'), count(), sum(k) from (
  select s.2 hi, arrayExists(y -> y > s.1 and y - s.1 <= 2592000000, pt) k from (
    select cust, groupArrayIf((ts, toUInt8(assumeNotNull(score) >= 9)), toUInt8(assumeNotNull(score <= 3 or score >= 9))) ss,
      groupArrayIf(ts, kind = 3) pt
    from ev where kind = 3 or score <= 3 or score >= 9 group by cust having length(ss) > 0)
  array join ss as s) group by hi
-- @gap
select bitShiftRight(c, 3) tp, x.1 e, bitAnd(c, 7) ch, m, x.2 n, x.3 g, x.4 kept from (
  select c, m, arrayJoin([('quick', n, q, qk), ('recommends', k, r, rk)]) x from (
    select toUInt16(tp * 8 + ch) c, toYYYYMM(toDateTime(intDiv(ts, 1000))) m, count() n,
      avg(greatest(-1., (30000 - toInt64(dur)) / 30000)) q, countIf(dur <= 30000) qk, count(score) k,
      avgIf(greatest(-1., (toInt64(assumeNotNull(score)) - 7) / 5), isNotNull(score)) r,
      countIf(isNotNull(score) and assumeNotNull(score) >= 7) rk
    from ev group by c, m))
-- @journey
select * from ev where cust = $customer order by ts
