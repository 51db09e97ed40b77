-- ClickHouse 26 as a library. One part after `optimize final`, sorted by (cust, ts).
-- Lost: lagInFrame over windows (3 x on flow); arrays of tuples instead of times and touch points in one number (2.5 x);
-- trusting the order of groupArray without arraySort gives wrong paths as soon as two threads read.
-- @load
create table ev (cust UInt32, ts UInt64, tp UInt8, ch UInt8, kind UInt8, score Nullable(UInt8), amount Nullable(Int32),
dur UInt32) engine = MergeTree order by (cust, ts);
insert into ev select customer, at, touchpoint, channel, kind, score, amount, duration from file('$file', CSVWithNames,
'customer UInt32, at UInt64, touchpoint UInt8, channel UInt8, kind UInt8, score Nullable(UInt8), amount Nullable(Int32),
duration UInt32');
optimize table ev final
-- @size
select sum(bytes_on_disk) from system.parts where active and table = 'ev'
-- @funnel
select countIf(l >= 1), countIf(l >= 2), countIf(l >= 3), countIf(l >= 4) from (
  select cust, windowFunnel(604800000)(ts, tp = 3, tp = 4, tp = 5, tp = 6) l from ev where tp between 3 and 6
  group by cust settings optimize_aggregation_in_order = 1)
-- Lost: grouping by arrays of touch points (1.2 x).
-- @paths
select arrayStringConcat(arrayMap(i -> toString(bitAnd(bitShiftRight(k, 7 * i), 127) - 1),
  arrayFilter(i -> bitAnd(bitShiftRight(k, 7 * i), 127) > 0, range(5))), '>') p, n from (
  select k, count() n from (
    select arrayJoin(arrayMap(s -> arraySum(arrayMap((x, i) -> bitShiftLeft(toUInt64(x) + 1, 7 * (i - 1)),
      arraySlice(arrayCompact(s), 1, 5) as c, arrayEnumerate(c))),
      arraySplit((x, d) -> d > 1800000, arrayMap(x -> toUInt8(bitAnd(x, 63)), e),
        arrayDifference(arrayMap(x -> bitShiftRight(x, 8), e))))) k
    from (select arraySort(groupArray(bitOr(bitShiftLeft(ts, 8), tp))) e from ev group by cust)) group by k)
order by n desc, p limit 20
-- Lost: three arrays zipped (1.3 x).
-- @flow
select intDiv(k, 64) a, k % 64 b, n, m from (
  select (bitAnd(x, 63) * 64 + bitAnd(y, 63))::UInt16 k, count() n, avg(bitShiftRight(y, 8) - bitShiftRight(x, 8)) m from (
    select arraySort(groupArray(bitOr(bitShiftLeft(ts, 8), tp))) e, arrayPopBack(e) ex, arrayPopFront(e) ey
    from ev group by cust having length(e) > 1) array join ex as x, ey as y group by k)
-- Lost: counting all rows and filtering inside of the aggregates (2 x).
-- @scores
select bitShiftRight(g, 3) tp, bitAnd(g, 7) ch, m, k, 100.0 * (p - d) / k, mean,
  100 * sqrt(((p + d) / k - pow((p - d) / k, 2)) / k) from (
  select (tp * 8 + ch)::UInt16 g, toYYYYMM(toDateTime(intDiv(ts, 1000), 'UTC')) m, count() k,
    avg(assumeNotNull(score)) mean, countIf(assumeNotNull(score) >= 9)::Int64 p,
    countIf(assumeNotNull(score) <= 6)::Int64 d
  from ev prewhere isNotNull(score) group by g, m)
-- Lost: 64-bit sets of weeks with min(ts) beside them (1.3 x).
-- @retention
select fw, o, sum(n) from (select m, toUInt8(log2(bitAnd(m, -m))) fw, count() n from (
  select groupBitOr(bitShiftLeft(1::UInt32, intDiv(toUInt32(intDiv(ts, 1000) - 1736121600), 604800)::UInt8)) m
  from ev group by cust settings optimize_aggregation_in_order = 1) group by m)
array join range(28) as o where bitAnd(bitShiftRight(m, fw + o), 1) = 1 group by fw, o
-- Lost: arrays of scores and purchases per customer (1.8 x), asof join (1.3 x).
-- @effect
select if(score >= 9, 'high', 'low') b, count(), countIf(nx > 0 and nx - ts <= 2592000000) from (
  select score, ts, minOrDefaultIf(ts, kind = 3) over (partition by cust order by ts
    rows between 1 following and unbounded following) nx
  from ev where kind = 3 or score <= 3 or score >= 9) where score <= 3 or score >= 9 group by b
-- @gap
with g as (select (tp * 8 + ch)::UInt16 c, toYYYYMM(toDateTime(intDiv(ts, 1000), 'UTC')) m, count() n,
    avg(greatest(-1, (30000 - dur) / 30000)) q, countIf(dur <= 30000) qk,
    count(score) k, avgIf(greatest(-1, (assumeNotNull(score) - 7) / 5), isNotNull(score)) r, countIf(score >= 7) rk from ev group by c, m)
select bitShiftRight(c, 3), x.1, bitAnd(c, 7), m, x.2, x.3, x.4 from g
array join [('quick', n, q, qk), ('recommends', k, r, rk)] as x where x.2 > 0
-- @journey
select * from ev where cust = $customer order by ts
