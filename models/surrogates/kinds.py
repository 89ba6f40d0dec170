"""Names of the surrogates, for who names them without loading what learns; `zoo` holds the surrogates."""

ALWAYS = ("logistic", "neighbours")
EXTRAS = ("perceptron", "boosting", "sgd", "trees")
KINDS = (*ALWAYS, *EXTRAS)
