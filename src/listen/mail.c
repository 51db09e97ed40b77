// SPDX-License-Identifier: Apache-2.0
// GMime takes the message apart: encodings of file names (RFC 2047, RFC 2231) and of contents, nesting. Parts without a
// file name are text for people and are passed over, and so is what is inside of a forwarded message.
#include "listen/mail.h"

#include "base/late.h"

#include <gmime/gmime.h>
#include <pthread.h>

// What is used of GMime and of GLib, which it brings along.
static struct mail_calls {
	__typeof__(g_mime_init) *init;
	__typeof__(g_mime_stream_mem_new) *mem_new;
	__typeof__(g_mime_stream_mem_new_with_buffer) *mem_with;
	__typeof__(g_mime_stream_mem_get_byte_array) *mem_bytes;
	__typeof__(g_mime_data_wrapper_write_to_stream) *write;
	__typeof__(g_mime_part_get_type) *part_type;
	__typeof__(g_mime_part_get_filename) *part_name;
	__typeof__(g_mime_part_get_content) *part_content;
	__typeof__(g_mime_parser_new_with_stream) *parser_new;
	__typeof__(g_mime_parser_construct_message) *parse;
	__typeof__(g_mime_message_foreach) *each;
	__typeof__(g_mime_message_get_from) *from;
	__typeof__(internet_address_list_length) *list_length;
	__typeof__(internet_address_list_get_address) *list_at;
	__typeof__(internet_address_mailbox_get_type) *mailbox_type;
	__typeof__(internet_address_mailbox_get_addr) *mailbox_address;
	__typeof__(g_type_check_instance_is_a) *is_a;
	__typeof__(g_object_unref) *unref;
} call; // written once, before the first use

#define SYMBOL(name, member)                                                                                   \
	{                                                                                                      \
#name, offsetof(struct mail_calls, member)                                                     \
	}
static const struct late_symbol symbols[] = {
	SYMBOL(g_mime_init, init),
	SYMBOL(g_mime_stream_mem_new, mem_new),
	SYMBOL(g_mime_stream_mem_new_with_buffer, mem_with),
	SYMBOL(g_mime_stream_mem_get_byte_array, mem_bytes),
	SYMBOL(g_mime_data_wrapper_write_to_stream, write),
	SYMBOL(g_mime_part_get_type, part_type),
	SYMBOL(g_mime_part_get_filename, part_name),
	SYMBOL(g_mime_part_get_content, part_content),
	SYMBOL(g_mime_parser_new_with_stream, parser_new),
	SYMBOL(g_mime_parser_construct_message, parse),
	SYMBOL(g_mime_message_foreach, each),
	SYMBOL(g_mime_message_get_from, from),
	SYMBOL(internet_address_list_length, list_length),
	SYMBOL(internet_address_list_get_address, list_at),
	SYMBOL(internet_address_mailbox_get_type, mailbox_type),
	SYMBOL(internet_address_mailbox_get_addr, mailbox_address),
	SYMBOL(g_type_check_instance_is_a, is_a),
	SYMBOL(g_object_unref, unref),
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct err loading;

static void load(void)
{
	if (late_load("libgmime-3.0.so.0", "libgmime-3.0-0", symbols, sizeof(symbols) / sizeof(symbols[0]),
		    &call, &loading) == RC_OK)
		call.init();
}

enum rc mail_available(struct err *e)
{
	pthread_once(&once, load);
	return loading.rc == RC_OK ? RC_OK : err_take(e, &loading);
}

struct reading {
	const struct mail_sink *sink;
	struct err *e;
	enum rc rc;
};

static void take_part(GMimeObject *parent, GMimeObject *part, gpointer context)
{
	struct reading *r = context;
	(void)parent;
	if (r->rc != RC_OK || !call.is_a((GTypeInstance *)part, call.part_type()))
		return;
	const char *name = call.part_name((GMimePart *)part);
	GMimeDataWrapper *content = call.part_content((GMimePart *)part);
	if (!name || !*name || !content)
		return;
	GMimeStream *stream = call.mem_new();
	if (call.write(content, stream) < 0) {
		r->rc = err_set(r->e, RC_INPUT, "the attachment %s cannot be decoded", name);
	} else {
		const GByteArray *bytes = call.mem_bytes((GMimeStreamMem *)stream);
		r->rc = r->sink->part(r->sink->context, sv_from(name),
			(struct sv){(const char *)bytes->data, bytes->len}, r->e);
	}
	call.unref(stream);
}

static bool is_wanted(GMimeMessage *message, const struct mail_sink *sink)
{
	InternetAddressList *from = call.from(message);
	InternetAddress *first = from && call.list_length(from) > 0 ? call.list_at(from, 0) : NULL;
	const char *address = first && call.is_a((GTypeInstance *)first, call.mailbox_type())
				      ? call.mailbox_address((InternetAddressMailbox *)first)
				      : NULL;
	return sink->from(sink->context, address ? sv_from(address) : SV(""));
}

enum rc mail_read(struct sv message, const struct mail_sink *sink, struct err *e)
{
	struct reading r = {sink, e, mail_available(e)};
	if (r.rc == RC_OK)
		r.rc = mail_bounds(message, e);
	if (r.rc != RC_OK)
		return r.rc;
	GMimeStream *stream = call.mem_with(message.ptr, message.len);
	GMimeParser *parser = call.parser_new(stream);
	GMimeMessage *m = call.parse(parser, NULL);
	if (!m)
		r.rc = err_set(e, RC_INPUT, "this is no mail message");
	else if (is_wanted(m, sink))
		call.each(m, take_part, &r);
	if (m)
		call.unref(m);
	call.unref(parser);
	call.unref(stream);
	return r.rc;
}

bool mail_file_name(struct sv given, char out[MAIL_NAME_BYTES_MAX + 1])
{
	struct sv name = given;
	for (size_t i = 0; i < given.len; i++) {
		if (given.ptr[i] == '/' || given.ptr[i] == '\\')
			name = (struct sv){given.ptr + i + 1, given.len - i - 1};
		if ((unsigned char)given.ptr[i] < ' ' || given.ptr[i] == 127)
			return false;
	}
	if (name.len == 0 || name.len > MAIL_NAME_BYTES_MAX || name.ptr[0] == '.' || !sv_utf8_valid(name, NULL))
		return false;
	memcpy(out, name.ptr, name.len);
	out[name.len] = 0;
	return true;
}
