use surmise_number::*;
fn main() {
    let folder = std::env::var("SURMISE_DATA").unwrap();
    let text = std::fs::read_to_string(format!("{folder}/ett/ETTh1.csv")).unwrap();
    let rows: Vec<Vec<f64>> = text.lines().skip(1).map(|l| l.split(',').skip(1).map(|v| v.parse().unwrap()).collect()).take(14400).collect();
    let n = 7;
    let mut o = NumberOptions::default();
    o.network = None;
    let mut m = NumberModel::new(n, o, 1);
    let mut k = NumberKey::new(&m);
    let mut se = vec![[0.0; 2]; n];
    for (t, r) in rows.iter().enumerate() {
        m.begin(&mut k, &Context { time_us: Some(t as i64 * 3_600_000_000), symbols: &[] });
        for c in 0..n {
            se[c][0] += (m.mean(c) - r[c]).powi(2);
            if t > 0 { se[c][1] += (rows[t - 1][c] - r[c]).powi(2); }
            m.observe(&mut k, c, r[c]);
        }
        if std::env::args().any(|a| a == "v") && (3300..3900).contains(&t) { println!("{t} {}", m.debug(2)); }
        m.finish(&mut k);
        if t % 1000 == 999 || (t<200 && t%20==19) {
            println!("{t} {}", se.iter().map(|s| format!("{:.2}/{:.2}", s[0], s[1])).collect::<Vec<_>>().join(" "));
            se = vec![[0.0; 2]; n];
        }
    }
}
