"""Pictures and profiles by one adversary: how both are searched, and how far each may go."""

from __future__ import annotations

from dataclasses import dataclass

from vrbench.attacks.base import Attack
from vrbench.attacks.profile.base import ProfileAttack
from vrbench.attacks.profile.budget import FakeUsers
from vrbench.attacks.with_pictures import WithPictures, WithPicturesBudget
from vrbench.core.spec import Component


class MixedAttack(WithPictures, Component):
    """A search for pictures and one for profiles, each as it would be alone.

    Neither knows of the other: what both do together is what the training makes of both.

    Args:
        picture: changes the pictures of the attacked items.
        profile: fills the profiles of fake users.

    Example:
        >>> from vrbench.attacks import PGD, AverageProfiles, MixedAttack
        >>> MixedAttack(picture=PGD(steps=3), profile=AverageProfiles()).cost.forward
        3
    """

    paper = ""
    beside = "profile"

    def __init__(self, *, picture: Attack, profile: ProfileAttack) -> None:
        self.picture, self.profile = picture, profile


@dataclass(frozen=True, kw_only=True)
class MixedBudget(WithPicturesBudget):
    """How far pictures may change, and how many fake users there may be.

    Attributes:
        picture: of each picture.
        profile: of all profiles.

    Example:
        >>> from vrbench.budgets import FakeUsers, Linf, MixedBudget
        >>> MixedBudget(picture=Linf(eps=8), profile=FakeUsers(eps=0.01)).eps
        8
    """

    profile: FakeUsers
