from documents.stories import story_key


def test_one_story_has_one_key_whatever_its_case_and_punctuation():
    assert story_key("Shares FALL, again!") == story_key("shares fall again")
    assert story_key("Shares fall again") != story_key("Shares rise again")
    assert 0 <= story_key("") < 2**64
