"""Everything that is fuzzed, by name."""

from tests.fuzz.target import Target
from tests.fuzz.targets.answers import ANSWERS
from tests.fuzz.targets.commands import CONTRACTS, QUERIES
from tests.fuzz.targets.messages import DEAD_LETTERS, DECODER
from tests.fuzz.targets.patterns import PATTERNS
from tests.fuzz.targets.registries import CHALLENGES, HOSTS_AND_IMAGES
from tests.fuzz.targets.repositories import MANAGED_FILES, REMOTE_ANSWERS

TARGETS: dict[str, Target] = {
    target.name: target
    for target in (
        DECODER,
        CONTRACTS,
        QUERIES,
        PATTERNS,
        HOSTS_AND_IMAGES,
        CHALLENGES,
        MANAGED_FILES,
        REMOTE_ANSWERS,
        DEAD_LETTERS,
        ANSWERS,
    )
}
