"""How requests differ from those learned from, as far as that shows without a teacher."""
