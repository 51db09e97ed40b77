// SPDX-License-Identifier: Apache-2.0
// Verbatims: what simulated customers write. Genuine ones vary; those of the attack are one text with small changes.
#include "simulate/internal.h"

#define PARTS 6

struct phrases {
	const char *opening[PARTS], *middle[PARTS], *ending[PARTS];
};

static const struct phrases phrase_table[] = {
	[TOPIC_NONE] = {{"I contacted you again.", "This is my second message.", "Good afternoon.",
				"Please look into this.", "I am disappointed.", "To whom it may concern."},
		{"Nobody could tell me what happens next.", "The answer did not fit my question.",
			"I was passed from one person to another.", "It took far too long.",
			"The app and the shop told me different things.", "I had to explain everything twice."},
		{"Please call me back.", "I expect an answer.", "Thank you for your help.",
			"Otherwise I will look elsewhere.", "I hope that this can be solved.",
			"Best regards."}},
	[TOPIC_BILL] = {{"My bill is wrong.", "The invoice does not match my contract.",
				"You charged me twice.", "Why did my bill go up?",
				"The amount on the invoice is not what we agreed.",
				"There is a fee on my bill that I do not know."},
		{"The discount is missing.", "I was billed for a device that I do not have.",
			"The monthly price is higher than in my order.",
			"The call centre could not explain it.", "The same mistake was there last month.",
			"The total does not add up."},
		{"Please correct it.", "I want my money back.", "I have stopped the payment.",
			"Send me a correct invoice.", "This is the last warning.", "Please explain."}},
	[TOPIC_OUTAGE] = {{"No internet since this morning.", "The whole street is offline.",
				  "My line is dead.", "No signal at all.", "Everything is down here.",
				  "Still no connection."},
		{"I work from home and lost a day.", "Nobody answers the phone.",
			"The status page says all is fine.", "The app does not even open.",
			"My neighbours have the same problem.", "The technician did not come."},
		{"When will it work again?", "I want compensation.", "Please inform your customers.",
			"Unacceptable.", "Fix it.", "How long will this take?"}},
	[TOPIC_DELIVERY] = {{"My parcel did not come.", "The delivery is late.", "Nobody rang the bell.",
				    "I waited at home all day.", "The router arrived broken.",
				    "The wrong device was delivered."},
		{"The date was promised in the shop.", "Tracking shows nothing.",
			"The dealer says that it is your fault.", "The courier says that it was never sent.",
			"I took a day off for this.", "It is the second attempt."},
		{"Where is my order?", "Please send it again.", "I will cancel.", "Please call me.",
			"That is not what I was told.", "Give me a date that you can keep."}},
	[TOPIC_PRAISE] = {{"Very happy.", "Great service.", "Works as promised.", "Friendly people.",
				  "Quick and simple.", "I can recommend Tidewater."},
		{"The line is fast.", "The shop explained everything.", "The technician was on time.",
			"My question was answered at once.", "The price is fair.",
			"Setting up took five minutes."},
		{"Thank you!", "Keep it up.", "Five stars.", "I told my friends.", "Glad that I switched.",
			""}},
	[TOPIC_ATTACK] = {{"WORST company ever!!", "Worst company ever!", "worst company EVER!!!",
				  "The WORST company ever!", "Worst. Company. Ever.", "Worst company ever!!"},
		{"They steal your data and your money, stay away from Tidewater.",
			"They steal your money and your data, stay away from Tidewater.",
			"They steal your data and your money. Stay away from Tidewater!",
			"They steal your data and money, stay away from Tidewater!!",
			"They STEAL your data and your money, stay away from Tidewater.",
			"They steal your data and your money, stay far away from Tidewater."},
		{"Share this!", "Share!", "Please share!", "SHARE THIS", "Share this!!", "share this"}},
};

void text_write(struct rng *r, enum sim_topic topic, struct buf *out)
{
	const struct phrases *p = &phrase_table[topic];
	const char *ending = p->ending[rng_below(r, PARTS)];
	buf_str(out, p->opening[rng_below(r, PARTS)]);
	buf_char(out, ' ');
	buf_str(out, p->middle[rng_below(r, PARTS)]);
	if (ending[0]) {
		buf_char(out, ' ');
		buf_str(out, ending);
	}
}
