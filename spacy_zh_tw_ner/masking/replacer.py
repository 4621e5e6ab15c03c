"""Replace single entities according to a policy. An entity has the same replacement at each occurrence."""

from collections.abc import Callable

from .generalise import generalise
from .keys import KeyedChoices, hash_of
from .labels import GENERALISABLE, KEEP, REPLACE
from .policy import MaskingPolicy
from .pseudonyms import pseudonym
from .surfaces import identity

REDACTED = "███"  # the length is fixed, so that it does not expose the length of the original
MAX_ATTEMPTS = 16  # pseudonyms that are tried for an entity before a placeholder is used


class Replacer:
    """Replaces single entities. Placeholders are numbered in the order of the calls.

    policy (MaskingPolicy): The action for each label, and the names in placeholders.
    key (bytes): Secret key of hashes and pseudonyms.
    is_exposing (Callable[[str], bool]): Takes a pseudonym or a generalised value, and returns whether it contains the
        original text of any masked entity. Such a value is not used.
    """

    def __init__(
        self, policy: MaskingPolicy, key: bytes, *, is_exposing: Callable[[str], bool] = lambda value: False
    ) -> None:
        self.policy, self._key, self._is_exposing = policy, key, is_exposing
        self._numbers: dict[str, dict[str, int]] = {}
        # Action and new text by label and identity of an entity; and, to compute few identities, by label and text.
        self._made: dict[tuple[str, str], tuple[str, str]] = {}
        self._made_of_surface: dict[tuple[str, str], tuple[str, str]] = {}

    def __call__(self, label: str, surface: str) -> tuple[str, str]:
        """Replace an entity.

        label (str): The label of the entity.
        surface (str): The text of the entity.
        RETURNS (tuple[str, str]): The action that was applied, and the new text. The action is "replace" if the action
            of the policy has no result, such as "generalise" for 昨天.
        """
        made = self._made_of_surface.get((label, surface))
        if made is not None:
            return made
        if self.policy.action(label) == KEEP:
            return KEEP, surface
        entity = (label, identity(surface, label))
        if entity not in self._made:
            self._made[entity] = self._make(label, surface, entity[1])
        self._made_of_surface[label, surface] = self._made[entity]
        return self._made[entity]

    def placeholder(self, label: str, surface: str) -> str:
        """Return the placeholder of an entity, such as 〔姓名1〕."""
        return self._numbered(label, identity(surface, label))

    def _numbered(self, label: str, entity: str) -> str:
        """Return the placeholder of an entity, such as 〔姓名1〕. An entity that occurs again gets the same number.

        label (str): The label of the entity, for which the policy has the name in placeholders, such as 姓名.
        entity (str): The text of the entity, which `surfaces.identity` has normalized: all spellings have the same one.
        """
        name = self.policy.placeholder(label)
        numbers = self._numbers.setdefault(name, {})
        return f"〔{name}{numbers.setdefault(entity, len(numbers) + 1)}〕"

    def _make(self, label: str, surface: str, entity: str) -> tuple[str, str]:
        """Return the applied action and the new text for an entity that occurs for the first time.

        label (str), surface (str): The label and the text of the entity.
        entity (str): The text, which `surfaces.identity` has normalized: all spellings of the entity have the same one.
        """
        action = self.policy.action(label)
        made: str | None = None
        if action == "redact":
            made = REDACTED
        elif action == "hash":
            made = f"〔{self.policy.placeholder(label)}#{hash_of(self._key, label, entity)}〕"
        elif action == "pseudonym":
            made = self._pseudonym(label, surface, entity)
        elif action == "generalise" and label in GENERALISABLE:
            made = generalise(label, surface)
            made = None if made is not None and self._is_exposing(made) else made
        return (action, made) if made is not None else (REPLACE, self._numbered(label, entity))

    def _pseudonym(self, label: str, surface: str, entity: str) -> str | None:
        """Return the first pseudonym that differs from the entity and does not contain the text of any masked entity.

        None if no pseudonym can be made for the entity, or if none of MAX_ATTEMPTS pseudonyms meets both conditions.

        label (str), surface (str): The label and the text of the entity.
        entity (str): The text, which `surfaces.identity` has normalized: all spellings of the entity have the same one.
        """
        for attempt in range(MAX_ATTEMPTS):
            made = pseudonym(label, surface, KeyedChoices(self._key, label, entity, attempt))
            if made is None:
                return None
            if identity(made, label) != entity and not self._is_exposing(made):
                return made
        return None
