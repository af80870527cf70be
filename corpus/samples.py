"""The built-in samples: generated texts, so that everything runs without a network.

In both, only the order of the words decides the label. They show that a network learns, not how
well it reads.
"""

import functools

import numpy as np

from corpus import data_file

SEED = 113


def pick(random, items):
    return items[random.randint(len(items))]


def add_filler(random, sentences, count, templates, words):
    """Returns the sentences as one text, with `count` filled templates in between."""
    for _ in range(count):
        sentence = pick(random, templates).format(
            **{name: pick(random, choice) for name, choice in words.items()}
        )
        sentences.insert(random.randint(len(sentences) + 1), sentence)
    return " ".join(sentences)


# --- Movie reviews --------------------------------------------------------------------------------

REVIEWS = {"train": 6_000, "test": 2_000}

GOOD = """brilliant charming clever delightful excellent fresh funny gripping honest lovely moving
perfect powerful superb tender thrilling touching warm witty wonderful""".split()
BAD = """awful boring careless clumsy confusing dreadful dull empty feeble flat hollow lazy
lifeless pointless predictable shallow silly tedious terrible weak""".split()

GOOD_ADVERBS = ["beautifully", "brilliantly", "perfectly", "well"]
BAD_ADVERBS = ["awkwardly", "badly", "poorly", "weakly"]

# Each template has two opposite words and asserts one: the second or, in SAYS_FIRST, the first.
# Exchanging the two words changes the label but not which words occur, so a bag of words cannot
# classify these texts.
SAYS_SECOND = [
    "{The} was not {}, it was {}.",
    "I had expected something {} and got something {}.",
    "The critics call {the} {}, but I found it {}.",
    "At first {the} seemed {}, yet in the end it was {}.",
    "It is anything but {}, in fact it is {}.",
    "{The} could have been {} but turned out {}.",
    "Whoever told you that {the} is {} was wrong, because it is {}.",
    "My sister said {} and I say {}.",
]
SAYS_SECOND_ADVERB = [
    "{The} started {} but ended {}.",
    "{The} began {}, yet it went on {}.",
]
SAYS_FIRST = [
    "{The} was {}, not {}.",
    "I found {the} {} and never {}.",
    "It is a {} film rather than a {} one.",
    "{The} is {}, whatever those who call it {} may say.",
    "I would call {the} {} before I would call it {}.",
    "{The} stayed {} where others become {}.",
]
SAYS_NOTHING = [
    "I saw it on a {day} with my {person}.",
    "It is set in a {place} by the sea.",
    "The story follows a {person} who returns to a {place}.",
    "It runs for about two hours.",
    "My {person} fell asleep on the {day} after.",
    "There is a long scene in a {place} near the middle.",
    "The director made it for television.",
    "We talked about it until {day}.",
]
THE = """acting,camera work,cast,dialogue,direction,ending,film,first half,humour,lead actor,movie,
music,pace,plot,script,second half,soundtrack,story""".replace("\n", "").split(",")
REVIEW_FILLERS = {
    "day": "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split(),
    "person": """brother cousin daughter doctor father friend mother neighbour sister son teacher
    uncle""".split(),
    "place": """castle farm garden hotel house library prison school station theatre town
    village""".split(),
}


def imdb():
    """Generates movie reviews of one to eight sentences, one to four of which carry the label."""
    random = np.random.RandomState(SEED)
    pick_one = functools.partial(pick, random)

    def opinion(label):
        templates = pick_one([SAYS_FIRST, SAYS_SECOND, SAYS_SECOND_ADVERB])
        good, bad = (GOOD_ADVERBS, BAD_ADVERBS) if templates is SAYS_SECOND_ADVERB else (GOOD, BAD)
        asserted, denied = (
            (pick_one(good), pick_one(bad)) if label else (pick_one(bad), pick_one(good))
        )
        pair = (asserted, denied) if templates is SAYS_FIRST else (denied, asserted)
        subject = pick_one(THE)
        return pick_one(templates).format(*pair, the=f"the {subject}", The=f"The {subject}")

    def review(label):
        sentences = [opinion(label) for _ in range(random.randint(1, 5))]
        return add_filler(random, sentences, random.randint(0, 5), SAYS_NOTHING, REVIEW_FILLERS)

    labels = {part: random.randint(2, size=size) for part, size in REVIEWS.items()}
    train, test = ([review(label) for label in labels[part]] for part in labels)
    classes = ["negative", "positive"]
    return data_file.from_texts(
        train, labels["train"], test, labels["test"], classes, "built-in sample, not IMDB"
    )


# --- Newswires ------------------------------------------------------------------------------------

WIRES = {"train": 4_000, "test": 1_000}

# What the newswires of each topic are about, in the order of the labels.
SUBJECTS = """cocoa,grain,vegetable oil,earnings,takeovers,wheat,copper,housing,money supply,coffee,
sugar,trade,reserves,shipping,cotton,meat,crude oil,natural gas,consumer prices,currencies,
interest rates,gross national product,soymeal,aluminium,soybeans,gold,tin,uranium,cattle,
retail sales,industrial production,steel,rubber,heating oil,unemployment,leading indicators,
balance of payments,zinc,orange juice,petrochemicals,dollars,gasoline,silver,wholesale prices,hogs,
lead""".replace("\n", "").split(",")

# Each template names two subjects and asserts one: the second, or the first.
ABOUT_SECOND = [
    "Traders had waited for word on {}, but the news was about {}.",
    "The minister hardly mentioned {} and spoke at length of {}.",
    "It was not {} that moved the market, it was {}.",
    "Instead of {} the talks turned to {}.",
    "A report expected on {} turned out to be on {}.",
]
ABOUT_FIRST = [
    "It was {} that moved the market, not {}.",
    "The talks were about {} rather than {}.",
    "The minister spoke at length of {} and hardly mentioned {}.",
    "Analysts looked at {} and left {} aside.",
]
ABOUT_NOTHING = [
    "A spokesman in {place} declined to comment.",
    "The figures cover the {period}.",
    "Volume in {place} was described as {volume}.",
    "No further details were given.",
]
WIRE_FILLERS = {
    "place": "Chicago Frankfurt London Paris Singapore Sydney Tokyo Washington Zurich".split(),
    "period": "month quarter week year".split(),
    "volume": "heavy light moderate thin".split(),
}


def reuters(topics):
    """Generates newswires of one to seven sentences on one topic each, which also name another one.

    Args: `topics`, the names of the 46 classes.
    """
    random = np.random.RandomState(SEED)
    # A few topics are frequent and many are rare, as with real newswires.
    shares = 1 / np.arange(4, len(topics) + 4)
    shares = random.permutation(shares / shares.sum())
    pick_one = functools.partial(pick, random)

    def wire(label):
        other = label
        while other == label:
            other = random.choice(len(topics), p=shares)
        sentences = []
        for _ in range(random.randint(1, 4)):
            if random.randint(2):
                sentences.append(pick_one(ABOUT_FIRST).format(SUBJECTS[label], SUBJECTS[other]))
            else:
                sentences.append(pick_one(ABOUT_SECOND).format(SUBJECTS[other], SUBJECTS[label]))
        return add_filler(random, sentences, random.randint(0, 3), ABOUT_NOTHING, WIRE_FILLERS)

    labels = random.choice(len(topics), p=shares, size=sum(WIRES.values()))
    texts = [wire(label) for label in labels]
    cut = WIRES["train"]
    source = "built-in sample, not Reuters"
    return data_file.from_texts(
        texts[:cut], labels[:cut], texts[cut:], labels[cut:], topics, source
    )
