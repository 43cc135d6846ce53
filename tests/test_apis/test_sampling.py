from mmdet_ps.apis.sampling import due


def test_frames_are_due_by_number_or_by_the_clock():
    times = [0, 0.1, 0.2, 0.7, 0.8, 1.8, 1.9, 2.4]

    def chosen(is_due):
        return [i for i, t in enumerate(times) if is_due(i, t)]

    assert chosen(due(every=3)) == [0, 3, 6]
    assert chosen(due(step=0.4)) == [0, 3, 4, 5, 7]
    assert chosen(due(step=0)) == list(range(8))


def test_at_usual_rates_the_clock_takes_every_nth_frame():
    for rate, every in ((25, 10), (30, 12), (10, 4), (29.97, 12)):
        is_due = due(step=0.4)
        chosen = [i for i in range(200) if is_due(i, round(i / rate, 3))]
        steps = {b - a for a, b in zip(chosen, chosen[1:])}
        assert every in steps and steps <= {every, every - 1}
