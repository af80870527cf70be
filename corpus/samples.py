"""The built-in samples: generated texts, so that everything runs without an internet connection.

Two places of a text, often far apart, decide its label together, by the order of their words. Some
labels are wrong. The samples show what a network can learn, not how well it reads real texts.
"""

import numpy as np

from corpus import data_file

SEED = 113
WRONG = 0.05  # fraction of wrong labels, in train and in test: the best possible accuracy is 95 %

WORDS = {
    "body": "agency bank board bureau cabinet commission council ministry treasury union".split(),
    "city": """Amsterdam Athens Berlin Boston Brussels Cairo Chicago Dublin Geneva Istanbul Lisbon
    London Madrid Manila Milan Oslo Paris Rome Singapore Sydney Tokyo Toronto Vienna""".split(),
    "day": "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split(),
    "job": """baker banker captain clerk cook detective doctor driver farmer gardener judge lawyer
    nurse painter pilot priest sailor singer soldier spy tailor teacher thief waiter""".split(),
    "month": """January February March April May June July August September October November
    December""".split(),
    "name": """Alice Anna Arthur Clara David Edith Emma Frank George Grace Harry Helen Henry Jack
    Julia Karl Laura Louis Maria Martin Nora Oscar Paul Peter Rosa Ruth Simon Victor""".split(),
    "part": """acting cast dialogue direction ending film humour movie music pace photography plot
    script soundtrack story""".split(),
    "period": "month quarter season week year".split(),
    "person": "aunt boss brother cousin daughter father friend mother sister son uncle".split(),
    "place": """bakery castle cave cellar cottage desert factory farm forest garage harbour hospital
    hotel house library monastery museum prison school station theatre town village""".split(),
    "relative": "children class colleagues dentist family flatmate nephew niece parents".split(),
    "thing": "bicycle camera coin diary hat key knife lamp letter map mirror piano ring".split(),
    "volume": "heavy light moderate normal quiet record thin".split(),
}


def pick(random, items):
    return items[random.randint(len(items))]


def fill(random, template, *pair, **chosen):
    """Returns the template with the pair in place of {} and {}, a word in place of each name."""
    return template.format(*pair, **{name: pick(random, WORDS[name]) for name in WORDS} | chosen)


def filler(random, most, templates):
    """Returns up to `most` sentences of different templates."""
    count = random.randint(most + 1)
    return [fill(random, template) for template in random.permutation(templates)[:count]]


def assertion(random, says_first, says_second, asserted, denied):
    """Returns a sentence from templates that assert the first of two words, or the second."""
    if random.randint(2):
        return fill(random, pick(random, says_first), asserted, denied)
    return fill(random, pick(random, says_second), denied, asserted)


def corpus(random, train, test, shares, write, classes, name):
    """Returns the data of `train` and `test` texts by `write`, with labels drawn by `shares`."""
    parts = []
    for size in train, test:
        labels = random.choice(len(classes), p=shares, size=size)
        texts = [" ".join(write(label)) for label in labels]
        errors = random.randint(1, len(classes), size)
        errors[random.permutation(size)[round(WRONG * size) :]] = 0
        parts += [texts, (labels + errors) % len(classes)]
    return data_file.from_texts(*parts, classes, f"built-in sample, not {name}")


# --- Movie reviews --------------------------------------------------------------------------------

# Test accuracy, %, seeds 1, 2, 3: imdb_lstm.py, imdb_stacked_lstm.py, imdb_bilstm.py 95.0 each.
# SimpleRNN: 92.5, 95.0 (seeds 1, 2); CNN-LSTM, GRU: 95.0 (seed 1); a bag of words: 49.9.
BAD = """annoying awful boring careless clumsy confusing dreadful dull empty feeble flat hollow lazy
lifeless pointless predictable shallow silly slow stale tedious terrible weak""".split()
GOOD = """amusing brilliant charming clever delightful excellent exciting fresh funny gripping
honest lovely moving original perfect powerful superb tender thrilling touching wonderful""".split()

# Each template has two opposite words and asserts one. Exchanging the two words changes the meaning
# but not which words occur, so a bag of words cannot classify these texts.
SAYS_FIRST = """The {part} was {}, not {}.
I found the {part} {} and never {}.
For me this film is {} rather than {}.
The {part} is {}, whatever those who call it {} may say.
The {part} stayed {} where others become {}.""".splitlines()
SAYS_SECOND = """The {part} was not {}, it was {}.
At first the {part} seemed {}, yet in the end it was {}.
It is anything but {}, in fact it is {}.
The {part} could have been {} but turned out {}.
Whoever calls the {part} {} is wrong, because it is {}.""".splitlines()
# In two thirds of the reviews, the first sentence tells whether to believe the person quoted at the
# end. It has two words for that: word vectors, from counts, would not tell "never" from "always".
TASTES = ["I {often} agree with my {person}, {why}.", "My {person} and I {often} agree, {why}."]
OFTEN = "hardly never rarely seldom".split(), "always mostly often usually".split()
WHY = (
    ["our tastes are opposite", "we enjoy different films", "whose opinion I doubt"],
    ["our tastes are alike", "we enjoy the same films", "whose opinion I trust"],
)
QUOTES = ["My {person} says:", "My {person} wrote:", "My {person} thinks:"]
REVIEW_FILLER = """I saw it on a {day} in {month} with my {relative}.
It is set in a {place} by the sea.
The story follows a {job} who returns to a {place}.
{name} plays a {job} from {city}.
My {relative} fell asleep on the {day} after.
There is a long scene in a {place} near the middle.
The director made it for television in {month}.
A {job} finds a {thing} and gives it to {name}.
Most of it was shot in {city}.""".splitlines()


def imdb():
    """Generates movie reviews of one to nine sentences."""
    random = np.random.RandomState(SEED)

    def opinion(good):
        words = pick(random, BAD), pick(random, GOOD)
        return assertion(random, SAYS_FIRST, SAYS_SECOND, words[good], words[not good])

    def review(label):
        middle, count = filler(random, 6, REVIEW_FILLER), random.randint(1, 3)
        agrees = pick(random, [None, 0, 1])
        if agrees is None:
            return middle + [opinion(label) for _ in range(count)]
        told = {"person": pick(random, WORDS["person"]), "often": pick(random, OFTEN[agrees])}
        first = fill(random, pick(random, TASTES), why=pick(random, WHY[agrees]), **told)
        quoted = [opinion(int(label == agrees)) for _ in range(count)]
        return [first, *middle, pick(random, QUOTES).format(**told), *quoted]

    return corpus(random, 6_000, 2_000, None, review, ["negative", "positive"], "IMDB")


# --- Newswires ------------------------------------------------------------------------------------

# Test accuracy of reuters_rnn.py, %: 93.3, 92.7, 89.5 (seeds 1, 2, 3), still rising.
# Topics of Reuters, and what the newswires are about.
SUBJECTS = """acq takeovers,coffee coffee,crude oil,earn earnings,gnp economic growth,gold gold,
grain grain,interest interest rates,money-fx currencies,ship shipping,sugar sugar,trade trade"""
SUBJECTS = dict(pair.split(maxsplit=1) for pair in SUBJECTS.split(","))

ABOUT_FIRST = """It was {} that moved the market in {city}, not {}.
The talks in {city} were about {} rather than {}.
Analysts looked at {} and left {} aside.""".splitlines()
ABOUT_SECOND = """Traders in {city} had waited for word on {}, but the news was about {}.
The minister hardly mentioned {} and spoke at length of {}.
A report expected on {} turned out to be on {}.""".splitlines()
# In two thirds of the wires, the last sentence tells whether the first one is true.
REPLIED = ["denied", "rejected", "corrected"], ["confirmed", "backed", "repeated"]
REASON = (
    ["which confused the two", "it was the other way round"],
    ["which was accurate", "it was just as stated"],
)
WIRE_FILLER = """A spokesman for the {body} declined to comment.
The figures cover the {period} to {month}.
Volume in {city} was described as {volume}.
The {body} will publish its forecast in {month}.""".splitlines()


def reuters():
    """Generates newswires of one to six sentences, on few frequent topics and many rare ones."""
    random, subjects = np.random.RandomState(SEED), list(SUBJECTS.values())
    shares = 1 / np.arange(1, len(subjects) + 1)
    shares = random.permutation(shares / shares.sum())

    def wire(label):
        other = label
        while other == label:
            other = random.choice(len(subjects), p=shares)
        middle = filler(random, 4, WIRE_FILLER)
        true = pick(random, [None, 0, 1])
        pair = [subjects[label], subjects[other]][:: -1 if true == 0 else 1]
        first = assertion(random, ABOUT_FIRST, ABOUT_SECOND, *pair)
        if true is None:
            return [first, *middle]
        told = {"replied": pick(random, REPLIED[true]), "reason": pick(random, REASON[true])}
        return [first, *middle, fill(random, "The {body} {replied} this report, {reason}.", **told)]

    return corpus(random, 4_000, 1_000, shares, wire, list(SUBJECTS), "Reuters")
