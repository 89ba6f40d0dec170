"""The words of the demo's customers: what fills a template's slots, and how people dress a sentence."""

from typing import Final

SLOTS: Final[dict[str, tuple[str, ...]]] = {
    "item": (
        "jacket", "running shoes", "coffee machine", "desk lamp", "headphones", "phone case", "backpack",
        "blender", "winter boots", "office chair", "raincoat", "toaster", "keyboard", "yoga mat",
        "sunglasses", "bookshelf", "tent", "kettle", "dress", "watch", "speaker", "duvet", "scarf",
        "drill", "baby monitor", "bike helmet",
    ),
    "parcel": ("parcel", "package", "order", "delivery", "parcel", "order"),
    "day": ("Monday", "Tuesday", "Wednesday", "Friday", "the weekend", "yesterday", "last week", "the 14th"),
    "days": ("three days", "a week", "two weeks", "10 days", "over a month", "5 working days", "ages"),
    "city": ("Leeds", "Berlin", "Porto", "Dublin", "Lyon", "Krakow", "Bristol", "Vienna", "Ghent"),
    "size": ("a medium", "size 42", "a large", "one size up", "a small", "size 8"),
    "colour": ("blue", "black", "olive", "white", "red", "grey"),
    "amount": ("20 euros", "£35", "49.99", "$120", "15 pounds", "over a hundred"),
    "card": ("my card", "PayPal", "my Visa", "Apple Pay", "the bank transfer", "my debit card"),
    "number": ("#48213", "1007-553", "no. 92114", "UK-77120", "34418", "A-5562"),
}  # fmt: skip

OPENINGS: Final = (
    "hi, ", "hello ", "Hi there! ", "hey ", "Good morning, ", "quick question: ", "please help, ",
    "hi team, ", "sorry to bother you but ", "ok so ", "hello, I'm a customer since 2019. ", "ugh. ", "um ",
    "Dear support, ",
)  # fmt: skip

CLOSINGS: Final = (
    " thanks", " thank you!", " please", " asap", " cheers", "?", "??", "!", " any help appreciated",
    " it's for a birthday", " order {number}", " my order number is {number}", " kind regards, Sam", " pls",
    " I bought it on {day}", " I've been waiting for {days}", " I live in {city}",
)  # fmt: skip

SHORTHAND: Final = {
    "please": "pls", "you": "u", "your": "ur", "because": "cos", "are": "r", "order": "ordr", "can't": "cant",
    "don't": "dont", "I'm": "im", "haven't": "havent", "hasn't": "hasnt", "what": "wat", "and": "&",
    "refund": "rfund", "delivery": "dlvry", "package": "pkg",
}  # fmt: skip
