// SPDX-License-Identifier: Apache-2.0
// The proleptic Gregorian calendar. Years are counted from 1 March, so that the leap day is a year's last day
// and months have the lengths of a fixed pattern, (153 m + 2) / 5 days before month m: the method of
// E. G. Richards, in the Explanatory Supplement to the Astronomical Almanac, 3rd ed., section 15.11.
#include "base/tz.h"

enum { DAYS_400_YEARS = 146097, EPOCH = 719468 }; // EPOCH: days from 0000-03-01 to 1970-01-01

int64_t civil_to_days(int64_t year, unsigned month, unsigned day)
{
	int64_t y = month > 2 ? year : year - 1;
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t year_of_era = y - era * 400;
	int64_t month_from_march = month > 2 ? month - 3 : month + 9;
	int64_t day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
	int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
	return era * DAYS_400_YEARS + day_of_era - EPOCH;
}

void civil_from_days(int64_t days, int64_t *year, unsigned *month, unsigned *day)
{
	int64_t z = days + EPOCH;
	int64_t era = (z >= 0 ? z : z - (DAYS_400_YEARS - 1)) / DAYS_400_YEARS;
	unsigned day_of_era = (unsigned)(z - era * DAYS_400_YEARS);
	unsigned year_of_era =
		(day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / (DAYS_400_YEARS - 1)) / 365;
	unsigned day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	unsigned month_from_march = (5 * day_of_year + 2) / 153;
	*day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
	*month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
	*year = (int64_t)year_of_era + era * 400 + (*month <= 2);
}
