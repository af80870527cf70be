"""Texts of the same words: counted, and kept together where train, validation and test are cut."""

import collections

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
    classes, of_same, train, test = collections.defaultdict(list), {}, [], []
    for each in examples:
        classes[of_same.setdefault(each.same, numbers[each.label])].append(each)
    for texts in classes.values():
        counts = collections.Counter(each.same for each in texts)
        most = max(counts, key=counts.get)
        texts.sort(key=lambda each: each.same == most)  # the most frequent text is for train
        starts = [n for n in range(len(texts)) if n == 0 or texts[n].same != texts[n - 1].same]
        size = max([round(len(texts) * fraction), *starts[1:2]])
        size = max(start for start in starts if start <= size)
        test += texts[:size]
        train += texts[size:]
    return train, test


def compare(parts, numbers):
    """Returns lines on equal texts; warnings, which say what spoils an accuracy; what test is.

    Args: `parts`, {"train", perhaps "test" and "validation": Examples}; `numbers`, {label: class}.
    """
    train, lines, warnings, how = parts["train"], [], [], "test as given"
    texts, labels = {each.text for each in train}, collections.defaultdict(set)
    for each in train:
        labels[each.same].add(numbers[each.label])
    if len(train) > len(texts):
        lines.append(f"{len(train) - len(texts):,} texts for train repeat another one")
    if len(texts) > len(labels):
        dropped = f"only in what is dropped, such as punctuation and case: {SEE}"
        lines.append(f"{len(texts) - len(labels):,} texts differ from another {dropped}")
    if mixed := sum(len(labels[each.same]) > 1 for each in train):
        warnings.append(f"{mixed:,} texts of the same words have different labels")
    for part in sorted(parts.keys() - {"train"}):
        twins = [each for each in parts[part] if each.same in labels]
        other = sum(each.text not in texts for each in twins)
        if twins:
            warnings.append(f"{len(twins):,} of {len(parts[part]):,} {part} texts are in train too")
            warnings[-1] += f", {other:,} of them only by their words" * (other > 0)
            how += f", {warnings[-1]}" * (part == "test")
    return lines, warnings, how
