"""Texts of the same words: counted, and kept together where train, validation and test are cut."""

import collections
import itertools

from corpus import SEE

# `place`: its number, or file; `same`: a number that texts of the same words share; `text`: a hash.
Example = collections.namedtuple("Example", "ids label place same text")


def shuffle(examples, generator):
    """Shuffles Examples in place; those of the same words stay together."""
    order = list(dict.fromkeys(each.same for each in examples))
    generator.shuffle(order)
    places = {same: place for place, same in enumerate(order)}
    examples.sort(key=lambda each: places[each.same])


def split(examples, numbers, fraction):
    """Returns train and test of shuffled Examples, with texts of the same words on one side.

    Args: `numbers`, {label: class}; `fraction`, of each class for test, where texts of the same
    words count as of the class of the first.
    """
    groups, classes = collections.defaultdict(list), collections.defaultdict(list)
    for each in examples:
        groups[each.same].append(each)
    for group in groups.values():
        classes[numbers[group[0].label]].append(group)
    train, test = [], []
    for of_class in classes.values():
        most = max(of_class, key=len)
        of_class.sort(key=lambda group: group is most)  # the most frequent text is for train
        ends = list(itertools.accumulate(map(len, of_class)))
        cut = sum(end <= round(ends[-1] * fraction) for end in ends)
        cut = min(max(cut, 1), len(of_class) - 1)
        test += itertools.chain(*of_class[:cut])
        train += itertools.chain(*of_class[cut:])
    return train, test


def compare(parts, numbers):
    """Returns lines on equal texts; warnings, which say what spoils an accuracy; what test is.

    Args: `parts`, {"train", perhaps "test" and "validation": Examples}; `numbers`, {label: class}.
    """
    train, lines, warnings, how = parts["train"], [], [], "test as given"
    texts, labels = len({each.text for each in train}), collections.defaultdict(set)
    for each in train:
        labels[each.same].add(numbers[each.label])
    if len(train) > texts:
        lines.append(f"{len(train) - texts:,} texts for train repeat another one")
    if other := texts - len(labels):
        dropped = f"only in what is dropped, such as punctuation and case: {SEE}"
        lines.append(f"{other:,} texts differ from another {dropped}")
    if mixed := sum(len(labels[each.same]) > 1 for each in train):
        warnings.append(f"{mixed:,} texts of the same words have different labels")
    for part in sorted(parts.keys() - {"train"}):
        if twins := sum(each.same in labels for each in parts[part]):
            warnings.append(f"{twins:,} of {len(parts[part]):,} {part} texts are in train too")
            how += f", {warnings[-1]}" * (part == "test")
    return lines, warnings, how
