"""Names of the inputs and outputs of a staged graph, which is run stage by stage; 0 is the first stage."""

LABEL, SCORE, NOVELTY, DONE = "label", "score", "novelty", "done"


def rows_input(stage: int) -> str:
    """The input that says which of the texts and vectors are rows of a stage."""
    return f"stage{stage}_rows"


def stage_output(stage: int, name: str) -> str:
    """One of the outputs of a stage, for its rows."""
    return f"stage{stage}_{name}"


def stage_outputs(stage: int, *, is_last: bool) -> tuple[str, ...]:
    """Label, score and novelty, and of each stage but the last whether they are final."""
    names = (LABEL, SCORE, NOVELTY) if is_last else (LABEL, SCORE, NOVELTY, DONE)
    return tuple(stage_output(stage, name) for name in names)
