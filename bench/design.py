# SPDX-License-Identifier: Apache-2.0
"""Prints the corridor file of the benchmark: 64 touch points in order, eight to a stage, two expectations each."""
STAGES = ["awareness", "discovery", "purchase", "fulfilment", "onboarding", "use", "billing", "support"]
print("""corridor: 1
brand: Benchmark
timezone: UTC
currency: EUR
stages: [%s]
channels: {web: digital, app: digital, phone: contact-centre, chat: contact-centre, email: digital, store: in-person,
  social: public, partner: partner}
dimensions: [kind]
touchpoints:""" % ", ".join(STAGES))
for i in range(64):
    print(f"""  tp-{i:02d}:
    stage: {STAGES[i // 8]}
    match: [{{event: "{i}"}}]
    expect:
      recommends: {{measure: nps, at least: 7}}
      quick: {{measure: duration, at most: 30s, for: 60%}}""")
