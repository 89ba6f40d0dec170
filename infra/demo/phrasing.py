"""Phrasing of the demo's messages: words for a template's slots, openings, closings, and hard templates.

The hard templates have one right answer each, and only a small cue shows which.
"""

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


TWO_IN_ONE: Final[tuple[tuple[str, str], ...]] = (
    ("{first}. but more urgently, {second}", "second"),
    ("{first}. also {second} but that can wait", "first"),
    ("{first}, and before anything else: {second}", "second"),
    ("{first}. I already know the answer to this one: {second}", "first"),
    ("{first}... no wait, forget that. {second}", "second"),
    ("{first}. not about what I wrote before, which was: {second}", "first"),
)
"""Templates with two wishes, and which of them the customer wants answered: `first` or `second`."""

VAGUE: Final[tuple[tuple[str, str], ...]] = (
    ("it still hasn't [come|arrived], the {parcel} I mean", "delivery_delay"),
    ("it still hasn't [come|arrived], the money I mean", "refund_status"),
    ("it still hasn't [come|arrived], the paper with the tax on it I mean", "invoice"),
    ("it still hasn't [come|arrived], the reset mail I mean", "login_problem"),
    ("I don't want [it|the {item}] any more, it was sent {day}", "return_item"),
    ("I don't want [it|the {item}] any more, it will be sent {day}", "cancel_order"),
    ("I don't want [it|them] any more, the mails", "newsletter"),
    ("I'd like [it|the {item}] in {colour} instead, it arrived {day}", "exchange_item"),
    ("I'd like [it|the {item}] in {colour} instead, it ships {day}", "change_order"),
    ("I'd like [it|the {item}] in {colour}, do you have that", "availability"),
    ("the {item} [is broken|broke], I got it {day}", "damaged_item"),
    ("the {item} [is broken|broke], I got it two years ago", "warranty"),
    ("it doesn't work, the {item}", "damaged_item"),
    ("it doesn't work, the code", "voucher"),
    ("it doesn't work, paying", "payment_failed"),
    ("it doesn't work, signing in", "login_problem"),
    ("you took {amount} too much", "double_charge"),
    ("you took {amount} for sending it", "shipping_cost"),
    ("you gave me {amount} too little", "refund_status"),
    ("the address is wrong on the [invoice|receipt]", "invoice"),
    ("the address is wrong on the [label|{parcel}]", "change_address"),
    ("one {item} too many, it's in the basket you haven't packed", "change_order"),
    ("one {item} too many, it's in the box I opened", "wrong_item"),
    ("one {item} too few, it's not in the box I opened", "missing_item"),
    ("can somebody [please|] help me with my {parcel}", "human_agent"),
    ("what about my {parcel}", "order_status"),
    ("and the {item}?", "order_status"),
)
"""Templates that name hardly anything: a word or two decide between intents."""
