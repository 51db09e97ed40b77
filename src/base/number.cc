// SPDX-License-Identifier: Apache-2.0
// Shim over <charconv>: exact, shortest, independent of the locale, no allocation. Nothing here throws.
#include <charconv>
#include <cmath>
#include <system_error>

extern "C" {
#include "base/number.h"
}

namespace
{

template <typename T> unsigned print(T v, char *out) noexcept
{
	const std::to_chars_result r = std::to_chars(out, out + NUMBER_TEXT_MAX - 1, v);
	*r.ptr = '\0';
	return static_cast<unsigned>(r.ptr - out);
}

} // namespace

extern "C" unsigned number_from_double(double v, char out[NUMBER_TEXT_MAX])
{
	if (!std::isfinite(v))
		return print(v, out);
	// Sums and amounts as people write them, not 3e+06. From 1e16 on an exponent: as a row of digits it would look
	// like an integer, perhaps one beyond 64 bits.
	const double size = std::fabs(v);
	const std::chars_format format = v == 0 || (size >= 1e-5 && size < 1e16)
						 ? std::chars_format::fixed
						 : std::chars_format::scientific;
	const std::to_chars_result r = std::to_chars(out, out + NUMBER_TEXT_MAX - 1, v, format);
	*r.ptr = '\0';
	return static_cast<unsigned>(r.ptr - out);
}

extern "C" unsigned number_from_i64(int64_t v, char out[NUMBER_TEXT_MAX])
{
	return print(v, out);
}

extern "C" unsigned number_from_u64(uint64_t v, char out[NUMBER_TEXT_MAX])
{
	return print(v, out);
}

extern "C" bool number_to_double(const char *text, size_t len, double *out)
{
	const char *end = text + len;
	if (len > 1 && *text == '+' && text[1] != '-')
		text++;
	double v = 0;
	const std::from_chars_result r = std::from_chars(text, end, v);
	if (r.ec != std::errc() || r.ptr != end || !std::isfinite(v))
		return false;
	*out = v;
	return true;
}
