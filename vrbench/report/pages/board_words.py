"""Column descriptions and names of the robustness leaderboard."""

from __future__ import annotations

MODEL = "threat model"
STANDARD = "standard-1"  # the component
BROUGHT = ("Imported", "ImportedProfiles", "Wrapped")  # attacks that are not of the house
VISIBLE = ("LPIPS", "SSIM", "LPIPS_untrained")
DEFENCES = {  # by component, of an extractor or a recommender
    "Adversarial": "adversarial training",
    "Free": "free adversarial training",
    "Distilled": "distillation",
    "JPEG": "JPEG",
    "BitDepth": "fewer bits",
    "Denoised": "denoiser",
    "MedianFilter": "median filter",
    "RandomResize": "random resizing",
    "AMR": "adversarial features",
    "AMR2021": "adversarial features",
    "APR": "adversarial embeddings",
}
MEANINGS = {
    "rank": "Place among the shops of one data set, threat and budget; 1 is least exposed.",
    MODEL: (
        "When and where the adversary acts: pictures after the training (evasion) or before it "
        "(poisoning), a new item, fake profiles, features, parameters."
    ),
    "dataset": "Whose pictures and purchases.",
    "objective": "What the adversary wants.",
    "attack": "How the adversary searches.",
    "threat": "The choice of a threat model: timing, surface, what the adversary knows.",
    "extractor": "The network that turns a picture into what the recommender is shown.",
    "recommender": "What ranks the items.",
    "scenario": "Which items are attacked, and what for.",
    "precision": "In which the adversary's network computes.",
    "budget": "How far a picture may be changed.",
    "best known attack": (
        "The attack that changes {headline} most of all that were run within this budget; "
        "† it was brought from outside. A stronger one may exist."
    ),
    "its aim": "What that attack was searched for.",
    "of": "How many attacks and aims it is the worst of. Of many noisy ones the worst looks worse.",
    "attacked": "{headline} after the attack: mean over seeds, ± standard deviation.",
    "change": (
        "{headline} after the attack minus before. * it moved further than a clean retrain of "
        "each seed does."
    ),
    "standard-1": (
        "The change of {headline} by attack=standard alone, which has no settings; the worse of "
        "its aims."
    ),
    "masked gradients": (
        "Signs that gradients were held up rather than defended against, in more than a twentieth "
        "of the items that attack=standard or standard_2 looked at: the loss is flat, questions "
        "get further than gradients, a change without a limit fails, lots judged at one draw. "
        "Such a line may look safer than it is."
    ),
    "by chance": "Mean distance of {headline} between two clean trainings under two seeds.",
    "interval": "95 % interval of the change, by Student's t over seeds (3 at least).",
    "bootstrap": (
        "95 % percentile interval of the change over resampled seeds. With few seeds it is about "
        "the range of what was seen."
    ),
    "as a retrain": (
        "Whether the attacked number is that of a clean retrain, within a tenth of the clean one: "
        "two one-sided tests at 5 % over seeds. 'not shown' does not say that they differ."
    ),
    "seeds": "Pairs of seeds, of recommender and attack, and of the network.",
    "seeds x folds": "Pairs of seeds, and folds of the data.",
    "places gained": (
        "Most places that an attacked item gains in a user's ranking under any attack and aim of "
        "this budget, mean over users; another attack than the best known one may gain them."
    ),
    "users reached": (
        "Share of users in whose first places an attacked item is, before and after: the most "
        "under any attack and aim of this budget."
    ),
    "left after poisoning": (
        "The change of {headline} by the worst attack where the shop is trained on the attacked "
        "pictures, same shop and budget."
    ),
    "defence": "What protects the shop, in the training or in front of network or recommender.",
    "paper": "Where a submission says that it is described, or its recommender was published.",
    "year": "When.",
    "measured by": "Who measured it, where a submission says so.",
    "date": "When the first of its runs began.",
    "load": "The line of Python that gives the trained recommender and network back.",
    "again": "The command that makes the first of its runs again.",
}
SEARCHES = {  # by how a column's name ends
    "trials": "How many settings were tried (tune); on another data set where one is named.",
    "search s": "Processor time of that search, in seconds.",
}
METRICS = {  # by how a metric's name begins; the longest counts
    "CHR": "Items of the attacked category in a list of that length, mean over users.",
    "nCDCG": "The same, with first places counting more, as a share of the best there could be.",
    "nDCG": "Accuracy: how high held-out purchases stand in such a list, mean over users.",
    "item HR": "Share of users in whose list of that length an attacked item is.",
    "success": "Share of attacked pictures that the network takes for the target.",
    "aim reached": "Share of attacked pictures that reach what the attack was searched for.",
    "rank shift": "Places that an attacked item gains in a user's ranking, mean over users.",
    "prediction shift": "By how much an attacked item's score rises, mean over users.",
    "LPIPS": "How visible the change is: 0 is not at all. Mean over attacked pictures.",
    "LPIPS_untrained": "LPIPS without its published weights, which is not LPIPS: 0 is no change.",
    "SSIM": "How alike clean and attacked pictures are: 1 is the same. Mean over pictures.",
}
SIDES = {
    "clean": "Before the attack.",
    "attacked": "After it.",
    "retrained": "Before it, with the recommender trained anew under another seed.",
    "random fill": "After as large an attack that chooses nothing.",
    "told from random": (
        "Runs in which a paired t-test over users tells the two apart, p < .05, uncorrected."
    ),
}


def meaning(column: str, headline: str) -> str:
    """Return what a column means; "" of a metric that has no words here."""
    if column in MEANINGS:
        return MEANINGS[column].format(headline=headline)
    if tried := next((told for end, told in SEARCHES.items() if column.endswith(end)), ""):
        return tried
    begins = [name for name in METRICS if column.startswith(name)]
    side = next((told for end, told in SIDES.items() if column.endswith(f" {end}")), "")
    words = [METRICS[max(begins, key=len)]] if begins else []
    return " ".join([*words, side]).strip()
